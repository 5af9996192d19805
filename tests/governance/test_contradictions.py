"""Labels of train that the bundle contradicts, with numbers worked by hand and by a real bundle."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from bundles import make_bundle
from conftest import Loop

from radloop.configuration import load_use_case
from radloop.data.manifest import read_manifest, usable
from radloop.evaluation.cases import Cases, Outputs, score_cases
from radloop.governance.contradictions import contradicted, contradictions, telling
from radloop.inference.predictor import Predictor
from radloop.statistics.thresholds import Youden, fit_threshold
from radloop.use_case import BinaryLabels, ContradictionRule, IntendedUse

UNKNOWN = float("nan")


def cases(probabilities: list[list[float]], truths: list[list[float]]) -> Cases:
    said = np.array(probabilities)
    frame = pd.DataFrame({"patient": [f"P{number}" for number in range(len(said))]})
    return Cases(frame, said, np.array(truths), np.ones(len(said), np.bool_))


def test_a_yes_or_no_is_contradicted_or_not() -> None:
    given = cases([[0.9], [0.9], [0.5], [0.1]], [[1], [0], [1], [UNKNOWN]])
    found = contradicted(given, Outputs("binary", ("mass",), (0.6,)))
    np.testing.assert_array_equal(found, [0, 1, 1, UNKNOWN])
    assert np.isnan(contradicted(given, Outputs("binary", ("mass",), (None,)))).all()


def test_of_findings_those_that_are_known_and_decided_count() -> None:
    given = cases([[0.9, 0.9, 0.9], [0.9, 0.1, 0.9]], [[1, 0, 0], [UNKNOWN, 1, 0]])
    found = contradicted(given, Outputs("multilabel", ("a", "b", "c"), (0.5, 0.5, None)))
    np.testing.assert_array_equal(found, [0.5, 1.0])


def test_of_classes_the_most_probable_one_counts() -> None:
    given = cases([[0.6, 0.3, 0.1], [0.6, 0.3, 0.1], [0.2, 0.3, 0.5]], [[1, 0, 0], [0, 1, 0], [UNKNOWN] * 3])
    found = contradicted(given, Outputs("multiclass", ("a", "b", "c"), (None,) * 3))
    np.testing.assert_array_equal(found, [0, 1, UNKNOWN])


def test_labels_are_asked_at_the_cut_that_tells_tune_apart_best() -> None:
    outputs = Outputs("multilabel", ("a", "b", "c"), (0.9, 0.9, None))
    tuned = cases([[0.2, 0.3, 0.1], [0.4, 0.5, 0.2], [0.6, 0.7, 0.3]], [[0, 1, 0], [0, 1, 1], [1, UNKNOWN, 1]])
    # Of a, one half lies between; of b, `tune` knows one side only; c is not decided at all.
    assert telling(outputs, tuned).thresholds == (0.5, 0.9, None)


def test_a_real_bundle_is_held_against_the_labels_of_each_gated_group(
    loop: Loop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = loop.installation.settings
    use_case = load_use_case("phantom-cxr", settings)
    frame = read_manifest(settings.data / "phantom-cxr")
    train, tune = (usable(frame[frame["split"] == split]) for split in ("train", "tune"))
    labels = BinaryLabels(positive="opacity", negative="normal")
    place = make_bundle(
        tmp_path_factory.mktemp("bundles"),
        use_case="phantom-cxr",
        labels=labels,
        intended_use=IntendedUse(statement="Phantoms."),
        approve=False,
    )
    predictor = Predictor(place, approved=False)
    silent = use_case.model_copy(update={"policy": use_case.policy.model_copy(update={"rules": use_case.policy.rules[:1]})})
    assert contradictions(predictor, train, tune, silent, settings) is None
    rule = ContradictionRule(kind="contradicted_labels", name="labels", limit=0.1)
    asked = use_case.model_copy(update={"policy": use_case.policy.model_copy(update={"rules": (rule,)})})
    found = contradictions(predictor, train, tune, asked, settings)
    assert found is not None
    assert found["images"] == len(train)
    scored, tuned = (
        score_cases(predictor, part, settings.data / "phantom-cxr", use_case, lambda *_: None) for part in (train, tune)
    )
    best = fit_threshold(tuned.probabilities[:, 0], tuned.truths[:, 0], Youden()).value
    assert best != 0.42  # the bundle's own threshold is another
    wrong = (scored.probabilities[:, 0] >= best) != (train["label"] == "opacity").to_numpy()
    for row, sex in zip(found["subgroups"], "FM", strict=True):
        mask = (train["sex"] == sex).to_numpy()
        assert (row["attribute"], row["value"], row["images"]) == ("sex", sex, mask.sum())
        assert row["share"]["value"] == wrong[mask].mean()
        assert row["share"]["low"] <= row["share"]["value"] <= row["share"]["high"]
