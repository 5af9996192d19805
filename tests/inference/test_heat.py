"""Regions of a heat map, worked by hand."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radloop.inference.heat import outlines, region_of
from radloop.inference.predictor import Predictor
from tests.bundles import make_bundle, make_images, write_approval, write_evidence
from tests.image_files import make_raster

IMAGE = make_images(1, seed=9, size=128)[0]


def test_the_outline_of_a_square_runs_clockwise_and_that_of_its_hole_the_other_way() -> None:
    inside = np.ones((3, 4), dtype=np.bool_)
    assert list(outlines(inside)) == [((0, 0), (4, 0), (4, 3), (0, 3))]
    inside[1, 1:3] = False
    outer, hole = outlines(inside)
    assert set(outer) == {(0, 0), (4, 0), (4, 3), (0, 3)}
    assert set(hole) == {(1, 1), (1, 2), (3, 2), (3, 1)}
    assert area(outer) == 12 and area(hole) == -2


def test_pixels_that_touch_at_a_corner_are_outlined_whole() -> None:
    found = list(outlines(np.eye(2, dtype=np.bool_)))
    assert sum(area(loop) for loop in found) == 2
    assert not list(outlines(np.zeros((2, 2), dtype=np.bool_)))


def area(loop: tuple[tuple[int, int], ...]) -> float:
    """Return the area of a polygon by the shoelace formula, positive where it runs clockwise on a screen."""
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(loop, [*loop[1:], loop[0]], strict=True)) / 2


def hot(row: int, column: int) -> np.ndarray:
    cam = np.zeros((4, 4), np.float32)
    cam[row, column] = 3.0
    return cam


def test_a_box_and_a_contour_lie_around_the_hottest_place() -> None:
    # The second place of four of 80 x 160 pixels has its middle at (60, 10); interpolation keeps half of the heat
    # within half a place to either side.
    region = region_of(hot(0, 1), (80, 160), "box")
    assert region.boxes is not None and region.png is region.contours is None
    ((left, top, right, bottom),) = region.boxes
    assert (left, right) == pytest.approx((40, 80), abs=2) and top == 0 and bottom == pytest.approx(20, abs=2)
    (contour,) = region_of(hot(0, 1), (80, 160), "contour").contours or ()
    xs, ys = zip(*contour, strict=True)
    assert (min(xs), max(xs), min(ys), max(ys)) == pytest.approx((left, right, top, bottom), abs=2)


def test_an_overlay_has_the_images_size_and_is_transparent_where_it_is_cold() -> None:
    region = region_of(hot(3, 3), (50, 40), "overlay")
    with Image.open(io.BytesIO(base64.b64decode(region.png or ""))) as picture:
        shown = np.asarray(picture)
    assert shown.shape == (50, 40, 4)
    assert shown[0, 0, 3] == 0 and shown[-1, -1].tolist() == [255, 0, 0, 160]


def test_a_map_that_is_cold_everywhere_has_no_region() -> None:
    cold = np.zeros((4, 4), np.float32)
    assert region_of(cold, (64, 64), "box").boxes == region_of(cold, (64, 64), "contour").contours == ()


def test_a_region_asks_for_the_map_too(predictor: Predictor) -> None:
    explanation = predictor.predict(make_raster(IMAGE), region="box").explanation
    assert explanation is not None and explanation.png is not None and explanation.withheld is None
    assert explanation.region is not None and explanation.region.boxes
    assert all(0 <= x0 < x1 <= 128 and 0 <= y0 < y1 <= 128 for x0, y0, x1, y1 in explanation.region.boxes)


@pytest.mark.parametrize(
    ("tested", "words"),
    [
        ({"sane": False, "reason": "the heat map is the same everywhere"}, "sanity test: the heat map is the same everywhere"),
        ({"sane": "true"}, "no reason was given"),
        (None, "no sanity test"),
    ],
)
def test_a_map_that_failed_or_missed_its_test_is_withheld(tmp_path: Path, tested: object, words: str) -> None:
    folder = make_bundle(tmp_path)
    write_evidence(folder, explanations=tested)
    write_approval(folder)
    explanation = Predictor(folder).predict(make_raster(IMAGE), explain=True, region="overlay").explanation
    assert explanation is not None and explanation.png is explanation.region is None
    assert words in str(explanation.withheld)
    assert Predictor(folder, approved=False).predict(make_raster(IMAGE), explain=True).explanation.png  # type: ignore[union-attr]
