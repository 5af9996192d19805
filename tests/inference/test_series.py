"""A series summed up by hand, and the order of a work list."""

from __future__ import annotations

from pathlib import Path

import pytest

from radloop.inference.answer import Answer, Finding, Grade
from radloop.inference.predictor import Predictor
from radloop.inference.series import neighbours, sum_up, urgency
from tests.bundles import make_header, make_images
from tests.image_files import make_raster


@pytest.fixture(scope="module")
def answer(sealed: Path) -> Answer:
    return Predictor(sealed).predict(make_raster(make_images(1, seed=9, size=128)[0]))


def said(answer: Answer, probability: float, positive: bool | None = False, **changes: object) -> Answer:
    finding = Finding(label="tuberculosis", probability=probability, threshold=0.42, positive=positive)
    return answer.model_copy(update={"findings": (finding,), **changes})


def test_the_ends_have_one_neighbour() -> None:
    assert neighbours([0.0, 0.6, 0.9]) == pytest.approx([0.3, 0.5, 0.75])
    assert neighbours([0.4]) == [0.4]


def test_slices_are_put_in_order_and_the_highest_mean_of_three_counts(answer: Answer) -> None:
    places = {0: (30.0, 0.2), 1: (0.0, 0.9), 2: (10.0, 0.1), 3: (20.0, 0.8), 4: (40.0, 0.8)}
    slices = [(number, make_header(series="1.2", position=z), said(answer, p)) for number, (z, p) in places.items()]
    alone = (5, make_header(series="1.3", position=0.0), said(answer, 1.0))
    none = (6, make_header(), said(answer, 1.0))
    (found,) = sum_up([*slices, alone, none])
    # in order 0.9, 0.1, 0.8, 0.2, 0.8: means 0.5, 0.6, 0.367, 0.6, 0.5; of two that are equal the first
    assert (found.images, found.regular, found.use_case) == ((1, 2, 3, 0, 4), True, "tb-cxr")
    assert (found.findings[0].label, found.findings[0].slice) == ("tuberculosis", 2)
    assert found.findings[0].probability == pytest.approx(0.6)


def test_a_gap_is_told(answer: Answer) -> None:
    slices = [(k, make_header(series="1.2", position=z), said(answer, 0.5)) for k, z in enumerate((0.0, 5.0, 15.0, 20.0))]
    assert not sum_up(slices)[0].regular


def test_positive_then_abstained_then_the_rest(answer: Answer) -> None:
    grave = Grade(grade="large", score=1.8)
    row = [
        said(answer, 0.30),
        said(answer, 0.45, True),
        said(answer, 0.40, abstained="undecided: x"),
        said(answer, 0.9, True),
        said(answer, 0.5, True, severity=grave),
    ]
    assert sorted(range(5), key=lambda k: urgency(row[k]), reverse=True) == [4, 3, 1, 2, 0]
