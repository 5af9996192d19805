"""Pixel Data as it may leave: the same pixels, and nothing beside, between or behind them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.utils import get_expected_length, pixel_array
from rle.rle import decode_segment  # type: ignore[import-not-found]

from radloop.errors import Refusal
from radloop.images.bitstream import clean_stream, precision
from radloop.images.header import MAX_PIXELS, check_size, unreadable

PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
_KEPT = frozenset((*uid.JPEGTransferSyntaxes, *uid.JPEGLSTransferSyntaxes, *uid.JPEG2000TransferSyntaxes))
_PLAIN = frozenset(
    (
        uid.ImplicitVRLittleEndian,
        uid.ExplicitVRLittleEndian,
        uid.DeflatedExplicitVRLittleEndian,
        uid.ExplicitVRBigEndian,
    )
)
_MAX_UNPACKED = 8 * MAX_PIXELS
_RLE_HEADER = 64
_RLE_EXPANSION = 64
"""Two bytes of a PackBits run stand for at most 128."""


@dataclass(frozen=True, slots=True)
class PixelContent:
    """The pixels of a data set, ready to be written.

    Attributes:
        keyword: `PixelData`, `FloatPixelData` or `DoubleFloatPixelData`.
        value: bytes of even length, encapsulated where the transfer syntax is.
        syntax: the transfer syntax in which to write.
        changes: attributes of the Image Pixel module that now have another value.
    """

    keyword: str
    value: bytes
    syntax: uid.UID
    changes: dict[str, Any] = field(default_factory=dict)


def pixel_content(dataset: Dataset) -> PixelContent:
    """Return the pixels of a data set without what hides around them.

    JPEG, JPEG-LS and JPEG 2000 stay compressed, see `bitstream`; all else becomes plain little endian.
    Bits beyond those stored, where old files keep overlays (PS3.5 section 8.1.1), and bytes behind the last frame go.

    Raises:
        Refusal: `unreadable_image` or `image_too_large`.
    """
    keyword = next((word for word in PIXELS if word in dataset), None)
    if keyword is None:
        raise unreadable("the file holds no image")
    check_size(int(dataset.Rows), int(dataset.Columns))
    syntax = dataset.file_meta.TransferSyntaxUID
    if keyword == "PixelData" and syntax in _KEPT:
        return _compressed(dataset, syntax)
    if syntax in _PLAIN:
        return _plain(dataset, keyword, _native(dataset, keyword))
    if syntax == _DEFLATED_FRAMES or syntax == uid.RLELossless:
        return _unpacked(dataset, keyword)
    raise unreadable("its transfer syntax is not one whose pixels can be cleaned")


def _compressed(dataset: Dataset, syntax: uid.UID) -> PixelContent:
    frames = [clean_stream(stream) for stream in _streams(dataset)]
    if precision(frames[0]) > int(dataset.BitsStored) and _has_more_bits(dataset):
        return _decoded(dataset)
    return PixelContent("PixelData", encapsulate(frames), syntax)


def _streams(dataset: Dataset) -> Iterator[bytes]:
    """Yield the compressed frames: neither more nor fewer than the header says."""
    expected = int(dataset.get("NumberOfFrames") or 1)
    offsets = dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths")
    count = 0
    for stream in generate_frames(
        dataset.PixelData, number_of_frames=expected, extended_offsets=offsets if all(offsets) else None
    ):
        count += 1
        if count > expected:
            break
        yield stream
    if count != expected:
        raise unreadable("it does not hold as many frames as its header says")


def _has_more_bits(dataset: Dataset) -> bool:
    """Tell whether samples of a stream that could hold more bits than are stored do hold more."""
    _check_unpacked(dataset)
    pixels = _pixels(dataset)
    return not np.array_equal(pixels, _meaningful(pixels, dataset))


def _decoded(dataset: Dataset) -> PixelContent:
    """Return pixels that must be masked, and can therefore not stay compressed."""
    _check_unpacked(dataset)
    pixels = _pixels(dataset)
    if pixels.dtype.kind != "f":
        pixels = _meaningful(pixels, dataset)
    interleaved = {"PlanarConfiguration": 0} if int(dataset.SamplesPerPixel) > 1 else {}
    changes = {"HighBit": int(dataset.BitsStored) - 1, "BitsAllocated": 8 * pixels.dtype.itemsize, **interleaved}
    return PixelContent("PixelData", _even(_little(pixels)), uid.ExplicitVRLittleEndian, changes)


def _pixels(dataset: Dataset) -> NDArray[Any]:
    # Raw: luma and chroma stay what the header says they are.
    return np.asarray(pixel_array(dataset, raw=True))


def _check_unpacked(dataset: Dataset) -> None:
    if _length(dataset) > _MAX_UNPACKED:
        raise Refusal("image_too_large", "the pixels unpack to more than 512 MB", "send the frames in several files")


def _length(dataset: Dataset) -> int:
    return int(get_expected_length(dataset, unit="bytes"))


def _unpacked(dataset: Dataset, keyword: str) -> PixelContent:
    _check_unpacked(dataset)
    if int(dataset.BitsAllocated) == 1:
        return _plain(dataset, keyword, _packed_bits(dataset))
    if dataset.file_meta.TransferSyntaxUID == uid.RLELossless:
        if _length(dataset) > _RLE_EXPANSION * len(dataset.PixelData):
            raise unreadable("its pixels do not have the size that its header says")
        return _decoded(dataset)
    size = _length(dataset) // int(dataset.get("NumberOfFrames") or 1)
    return _plain(dataset, keyword, b"".join(_inflated(stream, size) for stream in _streams(dataset)))


def _packed_bits(dataset: Dataset) -> bytes:
    """Return frames of single bits, each compressed by itself, as one string of bits (PS3.5 section 8.1.1)."""
    deflated = dataset.file_meta.TransferSyntaxUID == _DEFLATED_FRAMES
    count = int(dataset.Rows) * int(dataset.Columns) * int(dataset.get("SamplesPerPixel") or 1)
    unpack = _inflated if deflated else _run_lengths
    frames = [np.frombuffer(unpack(stream, -(-count // 8)), np.uint8) for stream in _streams(dataset)]
    if count % 8 == 0:
        return b"".join(frame.tobytes() for frame in frames)
    bits = np.concatenate([np.unpackbits(frame, count=count, bitorder="little") for frame in frames])
    return np.packbits(bits, bitorder="little").tobytes()


def _inflated(stream: bytes, size: int) -> bytes:
    content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(stream, size)
    if len(content) != size:
        raise unreadable("its compressed pixels are cut off")
    return content


def _run_lengths(stream: bytes, size: int) -> bytes:
    """Decode one frame of single bits in RLE (PS3.5 G.2): one segment of packed bytes."""
    segments, first = (int.from_bytes(stream[place : place + 4], "little") for place in (0, 4))
    if segments != 1 or first != _RLE_HEADER or size > _RLE_EXPANSION * len(stream):
        raise unreadable("its run lengths have an impossible header")
    content = bytes(decode_segment(stream[_RLE_HEADER:]))
    if len(content) < size:
        raise unreadable("its compressed pixels are cut off")
    return content[:size]


def _native(dataset: Dataset, keyword: str) -> bytes:
    """Return plain pixels in little endian and of the exact length."""
    content, length = dataset[keyword].value, _length(dataset)
    if len(content) < length:
        raise unreadable("its pixels are cut off")
    if dataset.file_meta.TransferSyntaxUID != uid.ExplicitVRBigEndian:
        return bytes(content[:length])
    size = int(dataset.BitsAllocated) // 8
    if size <= 1:  # in OW they lie in words, two samples each (PS3.5 annex D)
        size = 2 if dataset[keyword].VR == "OW" else 1
    padded = content[: length + -length % size]
    swapped = np.frombuffer(padded + b"\0" * (-len(padded) % size), f">u{size}").astype(f"<u{size}")
    return swapped.tobytes()[:length]


def _plain(dataset: Dataset, keyword: str, content: bytes) -> PixelContent:
    """Return plain little-endian pixels with the bits beyond those stored cleared."""
    allocated, changes = int(dataset.BitsAllocated), {}
    if keyword == "PixelData" and allocated == 1:
        content = _without_last_bits(content, dataset)
    elif keyword == "PixelData" and not _fills(dataset):
        kind = "i" if int(dataset.PixelRepresentation) else "u"
        content = _little(_meaningful(np.frombuffer(content, f"<{kind}{allocated // 8}"), dataset))
        changes = {"HighBit": int(dataset.BitsStored) - 1}
    return PixelContent(keyword, _even(content), uid.ExplicitVRLittleEndian, changes)


def _fills(dataset: Dataset) -> bool:
    return int(dataset.BitsStored) == int(dataset.BitsAllocated) == int(dataset.get("HighBit", dataset.BitsStored - 1)) + 1


def _without_last_bits(content: bytes, dataset: Dataset) -> bytes:
    count = int(dataset.Rows) * int(dataset.Columns) * int(dataset.get("NumberOfFrames") or 1)
    used = count * int(dataset.get("SamplesPerPixel") or 1) % 8
    return content[:-1] + bytes((content[-1] & ((1 << used) - 1),)) if used else content


def _meaningful(pixels: NDArray[Any], dataset: Dataset) -> NDArray[Any]:
    """Return the stored bits, moved to the low end, with their sign."""
    allocated, stored = 8 * pixels.dtype.itemsize, int(dataset.BitsStored)
    high = int(dataset.get("HighBit", stored - 1))
    if not 0 < stored <= high + 1 <= int(dataset.BitsAllocated) <= allocated:
        raise unreadable("its bits stored, allocated and high bit contradict each other")
    # Shifting back brings the sign along where the type is signed.
    return (pixels << (allocated - 1 - high)) >> (allocated - stored)


def _little(pixels: NDArray[Any]) -> bytes:
    return np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder("<"), copy=False)).tobytes()


def _even(content: bytes) -> bytes:
    return content + b"\0" * (len(content) % 2)
