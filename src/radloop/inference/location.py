"""From the network's mask to places in the image: regions as boxes, and the strongest point.

`images.preprocessing` squashes an image onto the network's square, borders to borders, so that a mask of any size
spans the whole image: column j of w begins at pixel j * columns / w.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

INSIDE = 0.5
"""The probability from which a place belongs to a region."""
MOST = 10
"""How many regions an answer names."""

Box = tuple[int, int, int, int]
Point = tuple[int, int]


def regions(mask: NDArray[np.float32], rows: int, columns: int) -> tuple[Box, ...]:
    """Return the boxes around the connected regions of a mask, the largest region first, at most `MOST`.

    Places that touch at a corner belong together. Regions of one size keep their order from the top.

    Args:
        mask: probabilities [h, w] of the whole image.
        rows: of the image that the boxes are wanted in, pixels.
        columns: likewise.

    Returns:
        x0, y0, x1, y1 in pixels, x1 and y1 excluded: the least whole pixels that hold the region.
    """
    from scipy import ndimage  # 0.4 s, which only answers with regions pay

    marked, _ = ndimage.label(mask >= INSIDE, structure=np.ones((3, 3), dtype=np.int8))
    sizes = np.bincount(marked.ravel())[1:]
    found = ndimage.find_objects(marked)
    largest = np.argsort(-sizes, kind="stable")[:MOST]
    return tuple(_box(found[number], mask.shape, rows, columns) for number in largest)


def outline(mask: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.bool_]:
    """Return the region at the image's size, bool [rows, columns]: the probabilities between places are interpolated."""
    whole = Image.fromarray(np.ascontiguousarray(mask, dtype=np.float32)).resize((columns, rows), Image.Resampling.BILINEAR)
    return np.asarray(np.asarray(whole) >= INSIDE, dtype=np.bool_)


def strongest(mask: NDArray[np.float32], rows: int, columns: int) -> Point:
    """Return the pixel (x, y) of the image under the middle of the mask's largest value; of several, the first.

    Args:
        mask: probabilities [h, w] of the whole image.
        rows: of the image that the point is wanted in, pixels.
        columns: likewise.
    """
    row, column = (int(place) for place in np.unravel_index(int(np.argmax(mask)), mask.shape))
    height, width = mask.shape
    return (2 * column + 1) * columns // (2 * width), (2 * row + 1) * rows // (2 * height)


def _box(place: tuple[slice, slice], shape: tuple[int, ...], rows: int, columns: int) -> Box:
    (top, bottom), (left, right) = ((int(side.start), int(side.stop)) for side in place)
    height, width = shape
    return left * columns // width, top * rows // height, -(-right * columns // width), -(-bottom * rows // height)
