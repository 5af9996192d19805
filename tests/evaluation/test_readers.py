"""Readers beside the bundle, on eight images worked by hand."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from radloop.evaluation.cases import Cases, Outputs
from radloop.evaluation.readers import judge_readers
from radloop.use_case import Policy

BINARY = Outputs("binary", ("tb",), (0.5,))
YES, NO = "tb", "normal"
ALL = [YES, YES, YES, YES, NO, NO, YES, YES]
SOME = [YES, YES, NO, NO, NO, NO, None, None]


def cases(**readers: list[str | None]) -> Cases:
    """Four with the finding, of whom the bundle finds three; four without, of whom it calls one."""
    frame = pd.DataFrame({"patient": list("abcdefgh"), **{f"reader_{name}": said for name, said in readers.items()}})
    said = np.array([0.9, 0.8, 0.6, 0.2, 0.7, 0.3, 0.2, 0.1])[:, None]
    return Cases(frame, said, np.array([1.0, 1, 1, 1, 0, 0, 0, 0])[:, None], np.ones(8, np.bool_))


def test_by_hand(policy: Policy) -> None:
    found = judge_readers(cases(senior=ALL, junior_2=SOME), BINARY, policy)
    assert found is not None
    document = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    senior, junior = document["each"]["senior"], document["each"]["junior_2"]
    assert (senior["images"], junior["images"], junior["patients"]) == (8, 6, 6)
    # The senior finds all four and calls two of the four without it.
    assert [senior["metrics"][rate]["value"] for rate in ("sensitivity", "specificity", "accuracy")] == [1, 0.5, 0.75]
    assert [senior["model"][rate]["value"] for rate in ("sensitivity", "specificity", "accuracy")] == [0.75, 0.75, 0.75]
    assert [senior["difference"][rate]["value"] for rate in ("sensitivity", "specificity")] == [-0.25, 0.25]
    # On the six that the junior read, the bundle finds three of four and is right on one of the two others.
    assert [junior["metrics"][rate]["value"] for rate in ("sensitivity", "specificity")] == [0.5, 1]
    assert [junior["model"][rate]["value"] for rate in ("sensitivity", "specificity")] == [0.75, 0.5]
    # The bundle and the senior agree on 4 of 8; by chance 1/2 * 3/4 + 1/2 * 1/4.
    assert senior["kappa"]["value"] == 0
    # The junior agrees with either on 4 of 6, both of whom say yes 4 times and the junior twice: see test_kappa.
    assert junior["kappa"]["value"] == pytest.approx(0.4)
    assert document["agreement"] == [
        {"first": "senior", "second": "junior_2", "images": 6, "kappa": document["agreement"][0]["kappa"]}
    ]
    assert document["agreement"][0]["kappa"]["value"] == pytest.approx(0.4)
    assert senior["difference"]["sensitivity"]["low"] < -0.25 < senior["difference"]["sensitivity"]["high"]


def test_classes_by_hand(policy: Policy) -> None:
    words = ("cyst", "stone", "none")
    truth = np.eye(3)[[0, 0, 1, 1, 2, 2]]
    said = np.eye(3)[[0, 1, 1, 1, 2, 2]]
    frame = pd.DataFrame({"patient": list("abcdef"), "reader_a": ["cyst", "cyst", "stone", "none", "none", None]})
    found = judge_readers(Cases(frame, said, truth, np.ones(6, np.bool_)), Outputs("multiclass", words, (None,) * 3), policy)
    assert found is not None
    (reader,) = found.each
    assert reader.images == 5
    assert reader.metrics["accuracy"].value == pytest.approx(4 / 5)
    assert reader.metrics["sensitivity"].value == pytest.approx((1 + 1 / 2 + 1) / 3)
    assert reader.model["sensitivity"].value == pytest.approx((1 / 2 + 1 + 1) / 3)
    # Agree on 3 of 5; the bundle says 1, 3, 1 times each word, the reader 2, 1, 2: by chance 7/25.
    assert reader.kappa.value == pytest.approx((3 / 5 - 7 / 25) / (18 / 25))
    assert found.agreement == ()


def test_nobody_read_or_nothing_is_decided(policy: Policy) -> None:
    assert judge_readers(cases(), BINARY, policy) is None
    assert judge_readers(cases(a=[None] * 8), BINARY, policy) is None
    assert judge_readers(cases(a=ALL), Outputs("binary", ("tb",), (None,)), policy) is None
    assert judge_readers(cases(a=ALL), Outputs("segmentation", ("tb",), (0.5,)), policy) is None
