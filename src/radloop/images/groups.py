"""The attributes that hold for one frame: its own functional group, the shared one, then the data set's."""

from __future__ import annotations

from typing import Any

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

_MACROS = (
    "PixelValueTransformationSequence",
    "FrameVOILUTSequence",
    "PlanePositionSequence",
    "PlaneOrientationSequence",
)
"""PS3.3 C.7.6.16.2.9, .10, .3 and .4: what an enhanced image says of each frame."""


class Attributes:
    """What a data set says of one of its frames; a plain image has one frame and no functional groups."""

    def __init__(self, dataset: Dataset, frame: int = 0) -> None:
        self._parts = (*_group_items(dataset, frame), dataset)

    def get(self, keyword: str) -> Any:
        """Return an attribute's value, None where it is absent or empty."""
        for part in self._parts:
            value = part.get(keyword)
            if value is not None and value != "" and value != b"":
                return value
        return None

    def numbers(self, keyword: str) -> tuple[float, ...]:
        """Return an attribute's numbers, none where it has no numbers."""
        holder = next((part for part in self._parts if keyword in part), None)
        raw = holder.get_item(keyword) if holder is not None else None
        if isinstance(raw, RawDataElement) and raw.VR == "DS" and raw.value:
            # pydicom's own decimals keep their text and cost more than the pixels of a small image.
            return tuple(float(text) for text in (part.strip(b" \0") for part in raw.value.split(b"\\")) if text)
        value = self.get(keyword)
        if value is None or isinstance(value, bytes | str):
            return ()
        values = list(value) if hasattr(value, "__iter__") else [value]
        return tuple(float(number) for number in values if number is not None)

    def number(self, keyword: str) -> float | None:
        """Return the first of an attribute's numbers, None where there is none."""
        return next(iter(self.numbers(keyword)), None)

    def word(self, keyword: str) -> str | None:
        """Return a code string in upper case, its first value where there are several."""
        value = self.get(keyword)
        if isinstance(value, pydicom.multival.MultiValue):
            value = value[0] if value else None
        return str(value).strip().upper() or None if value is not None else None

    def __contains__(self, keyword: str) -> bool:
        return self.get(keyword) is not None


def _group_items(dataset: Dataset, frame: int) -> list[Dataset]:
    own = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    groups = [*own[frame : frame + 1], *shared[:1]]
    return [group[macro].value[0] for group in groups for macro in _MACROS if group.get(macro)]
