"""Prediction sets: what cannot be excluded, in the words of the question."""

from __future__ import annotations

import pytest

from radloop.inference.conformal import ConformalFacts, abstention, prediction_set
from radloop.inference.predictor import Predictor
from radloop.use_case import BinaryLabels, ClassLabels, FindingLabels
from tests.bundles import make_bundle, make_facts, make_images
from tests.image_files import make_raster

ONE = ConformalFacts(coverage=0.9, present=(0.3,), absent=(0.4,), n=70)
BINARY = BinaryLabels(positive="tuberculosis", negative="normal")


@pytest.mark.parametrize(
    ("chance", "held"),
    [(0.2, ("normal",)), (0.3, ("normal", "tuberculosis")), (0.55, ("tuberculosis", "normal")), (0.7, ("tuberculosis",))],
)
def test_of_a_question_either_word_or_both(chance: float, held: tuple[str, ...]) -> None:
    assert prediction_set([chance], BINARY, ("tuberculosis",), ONE).labels == held


@pytest.mark.parametrize(("chance", "held"), [(0.49, "normal"), (0.5, "tuberculosis"), (0.6, "tuberculosis")])
def test_what_is_like_neither_has_the_most_probable_one_alone(chance: float, held: str) -> None:
    sure = ConformalFacts(coverage=0.9, present=(0.8,), absent=(0.8,), n=70)
    assert prediction_set([chance], BINARY, ("tuberculosis",), sure).labels == (held,)
    labels = ClassLabels(kind="multiclass", classes=("a", "b", "c"))
    strict = ConformalFacts(coverage=0.8, present=(0.9, 0.9, 0.9), absent=(), n=70)
    assert prediction_set([0.3, 0.4, 0.3], labels, labels.classes, strict).labels == ("b",)


def test_a_set_of_several_labels_is_no_answer_where_the_use_case_abstains() -> None:
    asks = ONE.model_copy(update={"abstain": True})
    both = prediction_set([0.55], BINARY, ("tuberculosis",), asks)
    assert abstention(both, asks) == "undecided: at a coverage of 90% neither tuberculosis nor normal can be excluded"
    assert abstention(both, ONE) is None
    assert abstention(prediction_set([0.7], BINARY, ("tuberculosis",), asks), asks) is None


def test_of_classes_those_that_reach_their_own_limit_the_most_probable_first() -> None:
    labels = ClassLabels(kind="multiclass", classes=("a", "b", "c"))
    facts = ConformalFacts(coverage=0.8, present=(0.3, 0.2, 0.5), absent=(), n=70)
    found = prediction_set([0.3, 0.4, 0.3], labels, labels.classes, facts)
    assert (found.coverage, found.labels) == (0.8, ("b", "a"))


def test_of_findings_those_whose_presence_cannot_be_excluded() -> None:
    labels = FindingLabels(kind="multilabel", findings=("mass", "nodule", "hernia"), none="none")
    facts = ConformalFacts(coverage=0.9, present=(0.3, 0.3, 0.0), absent=(0.5, 0.5, 0.0), n=70)
    assert prediction_set([0.4, 0.1, 0.01], labels, labels.findings, facts).labels == ("mass", "hernia")


def test_an_answer_has_the_set_of_its_bundle(tmp_path_factory: pytest.TempPathFactory) -> None:
    wide = {"coverage": 0.9, "present": (0.0,), "absent": (0.0,), "n": 9, "abstain": True}
    folder = make_bundle(tmp_path_factory.mktemp("bundles"), conformal=wide)
    answer = Predictor(folder).predict(make_raster(make_images(1, seed=9, size=128)[0]))
    assert answer.prediction_set is not None
    assert set(answer.prediction_set.labels) == {"tuberculosis", "normal"}
    assert answer.abstained is not None and answer.abstained.startswith("undecided: ")
    assert answer.findings[0].positive is not None  # it stays stated


def test_limits_are_one_an_output() -> None:
    with pytest.raises(ValueError, match="as many limits"):
        make_facts(conformal=ONE.model_dump() | {"present": (0.1, 0.2)})
