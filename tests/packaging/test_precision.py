"""Whether bf16 is earned: the comparison by hand, and what packaging makes of it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from radloop.inference import precision
from radloop.inference.bundle import EngineFacts
from radloop.inference.predictor import Predictor
from radloop.packaging.precision import MOST, Said, compared, spread
from radloop.use_case import Serving
from tests.bundles import KINDS, make_facts
from tests.image_files import make_raster
from tests.packaging.cases import CASES, make_pixels
from tests.packaging.test_package import packaged

BF16 = precision.runs_natively("bf16")


def logit(share: float) -> float:
    return math.log(share / (1 - share))


def said(*chances: list[float], beside: list[list[float]] | None = None) -> Said:
    """Return what gives these probabilities at the temperature 1."""
    logits = np.asarray([[logit(chance) for chance in row] for row in chances])
    return Said(logits, np.zeros((len(chances), 0), np.float32) if beside is None else np.asarray(beside, np.float32))


def test_a_yes_or_no_question_by_hand() -> None:
    facts = make_facts(calibration={"temperatures": (1.0,), "n": 4})
    trained, served = said([0.2], [0.4], [0.45], [0.7]), said([0.2], [0.44], [0.41], [0.7])
    truths = np.asarray([[0.0], [0.0], [1.0], [1.0]], np.float32)
    found = compared(trained, served, facts, truths, [(0.42,)] * 4)
    assert (found.n, found.flips, found.decisions) == (4, 2, 4)
    assert found.max_change == pytest.approx(0.04)
    assert found.auroc_change == pytest.approx(0.25)  # one of four pairs is now in the wrong order


def test_what_has_no_threshold_no_truth_or_no_second_class_does_not_count() -> None:
    facts = make_facts(**KINDS["multilabel"], calibration={"temperatures": (1.0,) * 4, "n": 2})
    trained, served = said([0.3, 0.5, 0.6, 0.5], [0.2, 0.5, 0.6, 0.5]), said([0.1, 0.5, 0.6, 0.45], [0.2, 0.5, 0.6, 0.45])
    truths = np.asarray([[1, np.nan, 1, 1], [0, 0, 1, 0]], np.float32)
    found = compared(trained, served, facts, truths, [(0.25, 0.6, None, None)] * 2)
    assert (found.flips, found.decisions) == (1, 4)
    assert found.max_change == pytest.approx(0.2)
    assert found.auroc_change == pytest.approx(1.0)  # of the first: 0.3 above 0.2, then 0.1 below; of the last both tie


def test_of_classes_an_image_is_one_decision() -> None:
    facts = make_facts(**KINDS["multiclass"], calibration={"temperatures": (1.0,), "n": 2})
    trained = Said(np.log([[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]]), np.zeros((2, 0), np.float32))
    served = Said(np.log([[0.3, 0.4, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]]), np.zeros((2, 0), np.float32))
    found = compared(trained, served, facts, np.full((2, 4), np.nan, np.float32), [(None,) * 4] * 2)
    assert (found.flips, found.decisions, found.auroc_change) == (1, 2, None)
    assert found.max_change == pytest.approx(0.1)


def test_levels_and_places_of_a_mask_count_too() -> None:
    facts = make_facts(calibration={"temperatures": (1.0,), "n": 1})
    trained, served = said([0.2], beside=[[0.5, 0.9]]), said([0.2], beside=[[0.5, 0.5]])
    found = compared(trained, served, facts, np.asarray([[1.0]], np.float32), [(0.42,)])
    assert found.max_change == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        ({"max_change": 0.0251}, "a probability moves by 0.025"),
        ({"flips": 2}, "2 of 200 decisions change, more than 0.5%"),
        ({"auroc_change": 0.0016}, "AUROC moves by 0.0016, more than 0.0015"),
        ({"auroc_change": None}, "no output whose AUROC"),
        ({"n": 0}, "no image"),
    ],
)
def test_a_lower_precision_needs_half_of_every_limit(changes: dict[str, float | None], words: str | None) -> None:
    good = {"n": 200, "max_change": 0.025, "flips": 1, "decisions": 200, "auroc_change": 0.0015}
    objection = precision.Agreement.model_validate(good | changes).objection()
    assert objection is None if words is None else words in str(objection)


def test_a_few_images_spread_over_all() -> None:
    assert spread(np.arange(MOST)).tolist() == list(range(MOST))
    many = spread(np.arange(3 * MOST))
    assert (len(many), many[0], many[-1]) == (MOST, 0, 3 * MOST - 1)


@pytest.mark.skipif(not BF16, reason="this processor has no bf16 of its own")
def test_a_bundle_in_bf16_says_so_and_falls_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES["binary"]
    pixels = make_pixels(case)
    monkeypatch.setattr(precision, "MARGIN", 20.0)  # random weights lie close to every limit
    done, predictor = packaged(tmp_path, case, pixels)
    facts = predictor.facts
    assert facts.engine == EngineFacts(precision="bf16")
    assert facts.precision is not None and facts.precision.tried == "bf16" and facts.precision.agreement is not None
    assert 0 < facts.precision.agreement.max_change < 0.5 and facts.precision.agreement.n == len(pixels.images)
    assert done.parity["max_difference"] < 1e-4  # of the export, in 32 bits
    image = make_raster(pixels.images[0])
    fast = predictor.score(image)
    with np.load(predictor.bundle.content / "reference.npz") as reference:
        assert np.array_equal(fast.probabilities, reference["probabilities"][0])  # fitted to what is served
    monkeypatch.setattr("radloop.inference.openvino_engine.runs_natively", lambda asked: asked == "f32")
    elsewhere = Predictor(predictor.bundle.folder, approved=False, streams=1)  # its self-test passes in 32 bits
    assert (predictor.precision, elsewhere.precision) == ("bf16", "f32")
    moved = np.abs(elsewhere.score(image).probabilities - fast.probabilities).max()
    assert 0 < moved <= facts.precision.agreement.max_change + 1e-5


@pytest.mark.skipif(not BF16, reason="this processor has no bf16 of its own")
def test_what_moves_too_far_stays_in_32_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "MARGIN", 0.0)
    _, predictor = packaged(tmp_path, CASES["binary"], make_pixels(CASES["binary"]))
    assert predictor.facts.engine.precision == predictor.precision == "f32"
    assert predictor.facts.precision is not None and "moves by" in predictor.facts.precision.reason


def test_a_use_case_may_ask_for_32_bits(tmp_path: Path) -> None:
    case = CASES["binary"].model_copy(update={"serving": Serving(precision="f32")})
    _, predictor = packaged(tmp_path, case, make_pixels(case))
    assert predictor.facts.precision == precision.PrecisionFacts(reason="the use case asks for f32")
    assert predictor.facts.engine.precision == "f32"
