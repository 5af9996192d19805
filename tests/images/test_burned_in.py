"""Text in pixels: lines of it are found and boxed; markers, rulers, grids and noise are left alone."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from radloop.images.burned_in import Box, has_text, text_lines


def body(rows: int = 512, columns: int = 512) -> NDArray[np.uint8]:
    """A soft grey disc on black, with faint grain."""
    y, x = np.mgrid[:rows, :columns]
    distance = np.hypot(y - rows / 2, x - columns / 2) / min(rows, columns)
    grain = np.random.default_rng(2).normal(0, 4, (rows, columns))
    return np.clip(150 * (distance < 0.4) * (1 - distance) + 12 + grain, 0, 255).astype(np.uint8)


def written(pixels: NDArray[np.uint8], text: str, at: tuple[int, int], size: int = 16, grey: int = 255) -> NDArray[np.uint8]:
    """Write a line at (left, top)."""
    image = Image.fromarray(pixels)
    ImageDraw.Draw(image).text(at, text, fill=grey, font=ImageFont.load_default(size))
    return np.asarray(image)


@pytest.mark.parametrize("text", ["DOE, JANE", "Smith^Anna", "1957-03-12", "ID 0042317", "PORTABLE"])
@pytest.mark.parametrize("size", [14, 18, 24, 32])
def test_a_line_is_found_where_it_stands(text: str, size: int) -> None:
    pixels = written(body(), text, (20, 8), size)
    left, top, right, bottom = ImageFont.load_default(size).getbbox(text)
    boxes = text_lines(pixels)
    assert boxes
    assert has_text(pixels)
    for box in boxes:
        assert 8 + top - 3 <= box.top < box.bottom <= 8 + bottom + 3
        assert 20 + left - 3 <= box.left < box.right <= 20 + right + 3


def test_dark_text_on_bright_ground_and_text_at_the_very_edge() -> None:
    bright = 255 - body()
    assert has_text(written(bright, "DOE, JANE", (20, 8), grey=0))
    assert has_text(written(body(), "DOE, JANE", (0, 0)))
    assert has_text(written(body(), "DOE, JANE", (380, 494)))


def test_lines_are_listed_from_the_top_down() -> None:
    pixels = written(written(body(), "ST MARY HOSPITAL", (20, 470)), "DOE JANE", (20, 8))
    boxes = text_lines(pixels)
    assert boxes == tuple(sorted(boxes))
    assert boxes[0].bottom < 40
    assert boxes[-1].top > 460


def test_huge_images_are_reduced_first() -> None:
    pixels = written(body(2600, 2400), "DOE, JANE", (60, 20), size=48)
    boxes = text_lines(pixels)
    assert boxes
    assert all(box.bottom <= 90 and box.right <= 420 for box in boxes)


@pytest.mark.parametrize("marker", ["L", "R", "PA", "AP", "12h"])
def test_a_marker_is_no_text(marker: str) -> None:
    assert text_lines(written(body(), marker, (30, 20), size=28)) == ()


def test_anatomy_like_shapes_are_no_text() -> None:
    rng = np.random.default_rng(4)
    noise = np.clip(rng.normal(110, 60, (400, 400)), 0, 255).astype(np.uint8)
    ruler = body()
    for number, column in enumerate(range(100, 400, 10)):
        ruler[490 : 500 - 4 * (number % 5 > 0), column : column + 2] = 255
    grid = body()
    grid[::32] = grid[:, ::32] = 255
    ribs = body()
    for row in range(60, 450, 40):
        ribs[row : row + 12, 100:400] = 220
    teeth = body()
    for column in range(150, 350, 22):
        teeth[300:330, column : column + 16] = 250
    blobs = (255 * (ndimage.gaussian_filter(rng.normal(size=(400, 400)), 4) > 0.05)).astype(np.uint8)
    assert [text_lines(image) for image in (noise, ruler, grid, ribs, teeth, blobs)] == [()] * 6


def test_text_over_an_equally_bright_ground_is_missed() -> None:
    assert not has_text(written(np.full((300, 300), 235, np.uint8), "DOE, JANE", (20, 8)))


@pytest.mark.parametrize("shape", [(1, 1), (5, 700), (700, 5), (64, 64)])
def test_any_shape_can_be_asked(shape: tuple[int, int]) -> None:
    for image in (np.zeros(shape, np.uint8), np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)):
        assert text_lines(image) == ()


def test_the_image_stays_and_the_layout_does_not_matter() -> None:
    pixels = written(body(), "DOE, JANE", (20, 8))
    before = pixels.copy()
    assert text_lines(np.asfortranarray(pixels)) == text_lines(pixels)
    assert isinstance(text_lines(pixels)[0], Box)
    assert np.array_equal(pixels, before)
