"""What is true of each image."""

from __future__ import annotations

import numpy as np
import pandas as pd
from validation.frames import use_case

from radloop.data.truths import grades, truths

NAN = float("nan")


def test_a_question_has_one_column() -> None:
    case = use_case()
    positive, negative = case.labels.words[1], case.labels.words[0]
    found = truths(pd.DataFrame({"label": [positive, negative, None]}), case)
    np.testing.assert_array_equal(found, [[1.0], [0.0], [NAN]])


def test_classes_have_one_column_each() -> None:
    case = use_case(labels={"kind": "multiclass", "classes": ["a", "b", "c"]})
    found = truths(pd.DataFrame({"label": ["c", "a", None]}), case)
    np.testing.assert_array_equal(found, [[0, 0, 1], [1, 0, 0], [NAN, NAN, NAN]])
    assert case.outputs == ("a", "b", "c")


def test_a_finding_may_be_unknown() -> None:
    case = use_case(labels={"kind": "multilabel", "findings": ["mass", "edema"], "none": "healthy"})
    found = truths(pd.DataFrame({"label": [None, None], "finding_mass": [1.0, None], "finding_edema": [0.0, 1.0]}), case)
    np.testing.assert_array_equal(found, [[1.0, 0.0], [NAN, 1.0]])


def test_an_extent_at_a_cut_has_the_higher_level() -> None:
    case = use_case(source={"columns": {"extent": "extent"}}, severity={"levels": ["none", "mild", "grave"], "cuts": [1, 5]})
    found = grades(pd.DataFrame({"extent": [0.0, 1.0, 4.9, 5.0, None]}), case)
    np.testing.assert_array_equal(found, [0, 1, 1, 2, -1])
