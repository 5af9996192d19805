"""Lines of text in the pixels of an image: names and dates that no tag tells of.

A rule, not a reader. Characters are looked for as what printing makes them: thin strokes, at least 50 greys off what
lies within 4 pixels on both sides (at full resolution, and at halves of it in large images). Strokes that touch make
a mark; four marks or more of like height and grey, close to each other on one baseline, with nothing else so
bright between them and little above and below, make a line. Three are a marker (L, R, PA, 12h) and stay: they name
nobody. A longer word (ERECT, PORTABLE) is a line. The ticks of a ruler are marks too, but thinner than letters.

What it misses: handwriting; fonts below 12 pixels (about half of those of 10, a third of those of 8, are found), above
about 130, and above 24 in images of less than 400 pixels, which have no half to look at; about half of the text
that is 60 greys off its background and two thirds of that 30 off; most that crosses edges as bright as itself; text
that runs upwards or aslant; scripts whose characters join. What it takes for text now and then: the cells of the
ethmoid bone and rows of small bones in CT. `benchmarks/burned_in.py` measures both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

_MAX_SIDE = 2100
"""A longer image is reduced: its annotations are larger too."""
_HALF_SIDE = 400
"""While both sides are this long, strokes twice as wide are looked for too, at half the resolution."""
_STEP = 50
"""How many greys a stroke is off its background."""
_REACH = 4
"""The width of the widest stroke, pixels."""
_HEIGHTS = (6, 34)
"""Of a character, pixels."""
_CHARACTERS = 4
"""The fewest in a line."""
_STRIP = 128
"""Rows that are worked on at a time."""
_MOST = 3000
"""Marks in an image; more are the grain of noise, and text cannot be told from it."""


class Box(NamedTuple):
    """The pixels of a line of text: the ends are excluded, as in a slice."""

    top: int
    left: int
    bottom: int
    right: int


def text_lines(pixels: NDArray[np.uint8]) -> tuple[Box, ...]:
    """Return the boxes of the lines of text in an image uint8 [rows, columns], from the top down."""
    return tuple(sorted(set(_search(pixels))))


def has_text(pixels: NDArray[np.uint8]) -> bool:
    """Return whether an image uint8 [rows, columns] has a line of text; stops at the first."""
    return next(_search(pixels), None) is not None


def _search(pixels: NDArray[np.uint8]) -> Iterator[Box]:
    rows, columns = pixels.shape
    scale = -(-max(rows, columns) // _MAX_SIDE)
    while True:
        image = pixels if scale == 1 else np.asarray(Image.fromarray(pixels).reduce(scale))
        for dark in (False, True):
            for top, left, bottom, right in _lines(image, dark):
                yield Box(top * scale, left * scale, min(bottom * scale, rows), min(right * scale, columns))
        if min(image.shape) < _HALF_SIDE:
            return
        scale *= 2


def _lines(image: NDArray[np.uint8], dark: bool) -> Iterator[Box]:
    """Yield the lines of text that is brighter than its background, or darker.

    Only rows that cross enough strokes are looked at, and those near them; blank rows keep apart what does not touch.
    """
    busy = ndimage.binary_opening(_crossings(image, dark) >= _CHARACTERS, np.ones(_HEIGHTS[0] // 2))
    row = np.flatnonzero(ndimage.binary_dilation(busy, iterations=2 * _REACH + 2))
    if row.size == 0:
        return
    grey = 255 - image[row] if dark else image[row]
    strokes = _ridges(grey, 1) | _ridges(grey, 0)
    strokes[~ndimage.binary_dilation(busy, iterations=_REACH + 2)[row]] = False
    for box in _candidates(strokes, grey):
        if _stands_alone(strokes, grey, box):
            yield Box(int(row[box.top]), box.left, int(row[box.bottom - 1]) + 1, box.right)


def _crossings(image: NDArray[np.uint8], dark: bool) -> NDArray[np.int64]:
    """Return how many pixels of each row lie in a stroke across it; a strip at a time, so that all stays in the cache."""
    found = np.empty(len(image), dtype=np.int64)
    for top in range(0, len(image), _STRIP):
        strip = image[top : top + _STRIP]
        packed = np.packbits(_ridges(255 - strip if dark else strip, 1), axis=1)
        found[top : top + _STRIP] = np.bitwise_count(packed).sum(axis=1)
    return found


def _ridges(grey: NDArray[np.uint8], axis: int) -> NDArray[np.bool_]:
    """Return where it is darker by a step, within reach, on one side along the axis as well as on the other."""

    def part(image: NDArray[np.uint8], start: int, stop: int | None) -> NDArray[np.uint8]:
        return image[start:stop] if axis == 0 else image[:, start:stop]

    length = grey.shape[axis]
    wide = np.empty([side + 2 * _REACH * (number == axis) for number, side in enumerate(grey.shape)], dtype=np.uint8)
    part(wide, _REACH, -_REACH)[:] = grey
    part(wide, 0, _REACH)[:] = part(grey, 0, 1)
    part(wide, -_REACH, None)[:] = part(grey, -1, None)
    two = np.minimum(part(wide, 0, -1), part(wide, 1, None))
    four = np.minimum(part(two, 0, -2), part(two, 2, None))  # the darkest of _REACH pixels
    around = np.maximum(part(four, 0, length), part(four, _REACH + 1, _REACH + 1 + length))
    ridges: NDArray[np.bool_] = np.maximum(grey, around) - around > _STEP
    return ridges


@dataclass(frozen=True, slots=True)
class _Marks:
    """Strokes that touch, one entry each: int64 [n]; `grey` is the brightest pixel."""

    top: NDArray[np.int64]
    bottom: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    area: NDArray[np.int64]
    grey: NDArray[np.int64]

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> _Marks:
        return _Marks(*(getattr(self, item.name)[chosen] for item in fields(self)))

    @property
    def height(self) -> NDArray[np.int64]:
        return self.bottom - self.top

    @property
    def width(self) -> NDArray[np.int64]:
        return self.right - self.left


def _candidates(strokes: NDArray[np.bool_], grey: NDArray[np.uint8]) -> Iterator[Box]:
    """Yield the boxes of rows of marks that have the sizes, greys and places of characters."""
    marks = _letters(_marks(strokes, grey))
    if not _CHARACTERS <= len(marks.top) <= _MOST:
        return
    group = _chained(len(marks.top), *_neighbours(marks))
    for number in np.flatnonzero(np.bincount(group) >= _CHARACTERS):
        line = _on_baseline(marks.take(group == number))
        if len(line.top) >= _CHARACTERS and not _is_scale(line):
            yield Box(int(line.top.min()), int(line.left.min()), int(line.bottom.max()), int(line.right.max()))


def _marks(strokes: NDArray[np.bool_], grey: NDArray[np.uint8]) -> _Marks:
    labels, number = ndimage.label(strokes, structure=np.ones((3, 3), dtype=np.int8))
    place = np.flatnonzero(strokes)
    mark = labels.ravel()[place]
    order = np.argsort(mark, kind="stable")
    row, column = np.divmod(place[order], strokes.shape[1])
    start = np.searchsorted(mark[order], np.arange(1, number + 1))
    if number == 0:
        return _Marks(*(np.empty(0, dtype=np.int64) for _ in fields(_Marks)))
    return _Marks(
        top=np.minimum.reduceat(row, start),
        bottom=np.maximum.reduceat(row, start) + 1,
        left=np.minimum.reduceat(column, start),
        right=np.maximum.reduceat(column, start) + 1,
        area=np.diff(start, append=len(place)),
        grey=np.maximum.reduceat(grey.ravel()[place[order]].astype(np.int64), start),
    )


def _letters(marks: _Marks) -> _Marks:
    """Return the marks of a character's size and shape, from left to right."""
    height, width = marks.height, marks.width
    chosen = (height >= _HEIGHTS[0]) & (height <= _HEIGHTS[1]) & (width <= 2 * height) & (5 * marks.area >= height * width)
    found = marks.take(chosen)
    return found.take(np.argsort(found.left, kind="stable"))


def _neighbours(marks: _Marks) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs that may be neighbours in a line: at most a height apart, alike in height, foot and grey."""
    number, height = len(marks.top), marks.height
    count = np.searchsorted(marks.left, marks.right + height, side="right") - np.arange(1, number + 1)
    first = np.repeat(np.arange(number), count)
    second = np.arange(len(first)) - np.repeat(np.cumsum(count) - count, count) + first + 1
    tall = np.maximum(height[first], height[second])
    gap = marks.left[second] - marks.right[first]
    linked = (
        (6 * np.abs(marks.bottom[first] - marks.bottom[second]) <= tall + 5)
        & (5 * np.abs(height[first] - height[second]) <= 2 * tall + 2)
        & (gap >= -1)
        & (gap <= tall)
        & (np.abs(marks.grey[first] - marks.grey[second]) <= 30)
    )
    return first[linked], second[linked]


def _chained(number: int, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each mark the lowest index of those it is linked with, through others too."""
    group = np.arange(number)
    while True:
        lowest = np.minimum(group[first], group[second])
        found = group.copy()
        np.minimum.at(found, first, lowest)
        np.minimum.at(found, second, lowest)
        found = found[found]
        if np.array_equal(found, group):
            return group
        group = found


def _on_baseline(marks: _Marks) -> _Marks:
    """Return the marks that stand on the line's median foot; a chain of neighbours may have climbed along a bone."""
    foot = np.sort(marks.bottom)[len(marks.bottom) // 2]
    return marks.take(8 * np.abs(marks.bottom - foot) <= marks.height + 8)


def _is_scale(marks: _Marks) -> bool:
    """Return whether two in three marks are as thin as the ticks of a ruler."""
    thin = np.count_nonzero(4 * marks.width <= marks.height + 3)
    return bool(3 * thin > 2 * len(marks.top))


def _stands_alone(strokes: NDArray[np.bool_], grey: NDArray[np.uint8], box: Box) -> bool:
    """Return whether strokes are all that is bright in a box, and few go on above and below it.

    Bone between its ridges is as bright as they are, and the grain of noise has no edge.
    """
    inside = (slice(box.top, box.bottom), slice(box.left, box.right))
    drawn = strokes[inside]
    greys = grey[inside]
    typical = int(np.sort(greys[drawn])[np.count_nonzero(drawn) // 2])
    bright = np.count_nonzero(greys >= max(typical - _STEP // 2, 0))
    margin = np.concatenate(
        [strokes[max(box.top - 3, 0) : max(box.top - 1, 0), inside[1]], strokes[box.bottom + 1 : box.bottom + 3, inside[1]]]
    )
    alone = 10 * np.count_nonzero(drawn) >= 7 * bright
    return bool(alone and 4 * np.count_nonzero(margin) * drawn.size <= np.count_nonzero(drawn) * margin.size)
