"""Lookup tables of exactly the length that their descriptor says."""

from __future__ import annotations

import numpy as np
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from radloop.images.header import unreadable

_DESCRIPTOR = 3


def exact_table(element: DataElement, around: Dataset, big_endian: bool) -> bytes | list[int] | None:
    """Return the table's data without anything behind its last entry, words in little endian.

    Args:
        element: `LUTData` or the data of a palette, plain or segmented.
        around: the data set that holds the table's descriptor (PS3.3 C.11.1.1.1 and C.7.6.3.1.5).
        big_endian: the source's words are.

    Returns:
        bytes or numbers as the VR says; None for a table without a whole descriptor.

    Raises:
        Refusal: `unreadable_image`: a segmented table contradicts itself.
    """
    descriptor = around.get(_descriptor(element.keyword))
    if not hasattr(descriptor, "__len__") or len(descriptor) != _DESCRIPTOR or element.value is None:
        return None
    entries = int(descriptor[0]) % 65536 or 65536
    if element.VR != "OW":
        numbers = (
            element.value if isinstance(element.value, list | tuple) or hasattr(element.value, "append") else [element.value]
        )
        return [int(number) for number in numbers][:entries]
    words = np.frombuffer(element.value[: len(element.value) // 2 * 2], ">u2" if big_endian else "<u2").astype("<u2")
    length = _segmented_length(words.tolist(), entries) if element.keyword.startswith("Segmented") else entries
    return words[:length].tobytes()


def _descriptor(keyword: str) -> str:
    return "LUTDescriptor" if keyword == "LUTData" else keyword.removeprefix("Segmented").replace("Data", "Descriptor")


def _segmented_length(words: list[int], entries: int) -> int:
    """Return how many words of a segmented table (PS3.3 C.7.9.2) make its entries.

    Indirect segments repeat earlier ones; they are refused, for their length is not theirs to say.
    """
    place, made = 0, 0
    while made < entries:
        if place + 2 > len(words) or words[place] > 1 or words[place + 1] == 0:
            raise unreadable("its segmented palette cannot be understood")
        made += words[place + 1]
        place += 2 + (words[place + 1] if words[place] == 0 else 1)
    return place
