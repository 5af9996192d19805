"""The stored pixels of a DICOM data set, frame by frame: whatever the transfer syntax, one kind of array.

Everything that a header or a stream claims is compared before a decoder may allocate for it.
"""

from __future__ import annotations

import copy
import itertools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.decoders.base import get_decoder
from rle.rle import decode_segment  # type: ignore[import-not-found]

from radloop.errors import Refusal
from radloop.images.codestream import codestream, mended, transfer_syntax
from radloop.images.colour import rgb_from_ybr
from radloop.images.header import MAX_PIXELS, check_size, unreadable

PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
"""Deflated Image Frame Compression (PS3.5 A.4.13)."""
_GREY = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
_RGB = ("RGB", "YBR_RCT", "YBR_ICT")
_OWN_DEPTH = frozenset((*uid.JPEG2000TransferSyntaxes, *uid.JPEGLSTransferSyntaxes))
"""Streams that know how many bits they have and hold no others."""
_RLE_HEADER = 64
_RLE_EXPANSION = 64
"""Two bytes of a PackBits run stand for at most 128."""


@dataclass(frozen=True, slots=True)
class _Shape:
    rows: int
    columns: int
    samples: int
    allocated: int
    frames: int

    @property
    def packed(self) -> int:
        """Return the bytes of one frame of bits, the last byte filled up."""
        return -(-self.rows * self.columns * self.samples * self.allocated // 8)

    @property
    def array(self) -> tuple[int, ...]:
        """Return the shape of one frame."""
        return (self.rows, self.columns) if self.samples == 1 else (self.rows, self.columns, self.samples)


def frames(dataset: Dataset, only: int | None = None) -> Iterator[NDArray[Any]]:
    """Yield the frames as they are stored, one in memory at a time.

    Bits beyond those stored are removed: old files keep overlays there (PS3.5 section 8.1.1).
    Luma and chroma become red, green and blue; a palette's indices stay indices.

    Args:
        dataset: with file meta.
        only: the index of the one frame that is wanted.

    Yields:
        integers, float32 or float64 [rows, columns] or [rows, columns, 3], in native byte order.

    Raises:
        Refusal: `unreadable_image`, `image_too_large` or `unsupported_encoding`. A broken file makes
            pydicom raise almost anything else.
    """
    shape = _shape(dataset)
    syntax = dataset.file_meta.TransferSyntaxUID
    _check_supported(syntax)
    if syntax == DEFLATED_FRAMES or (syntax == uid.RLELossless and shape.allocated == 1):
        inflate = _inflated if syntax == DEFLATED_FRAMES else _unpacked
        for stream in _wanted(_streams(dataset, shape), only):
            yield _finished(_plain(inflate(stream, shape), shape, dataset), str(dataset.PhotometricInterpretation), dataset)
        return
    if syntax.is_encapsulated:
        dataset = _checked_streams(dataset, shape, only)
    yield from _decoded(dataset, shape, only)


def _shape(dataset: Dataset) -> _Shape:
    count = dataset.get("NumberOfFrames")
    shape = _Shape(
        int(dataset.Rows),
        int(dataset.Columns),
        int(dataset.get("SamplesPerPixel") or 1),
        int(dataset.BitsAllocated),
        1 if count in (None, "") else int(count),
    )
    check_size(shape.rows, shape.columns)
    photometric = dataset.get("PhotometricInterpretation")
    if not photometric:
        raise unreadable("it does not say whether bright or dark means dense")
    if shape.frames < 1 or shape.samples not in (1, 3) or (shape.samples == 1) != (photometric in _GREY):
        raise unreadable("its frames, samples and colours contradict each other")
    if shape.rows * shape.columns * shape.samples * shape.allocated > 16 * MAX_PIXELS:
        raise Refusal("image_too_large", "one frame of the image has more than 128 MB", "send the image at its own resolution")
    return shape


def _check_supported(syntax: uid.UID) -> None:
    try:
        supported = syntax == DEFLATED_FRAMES or get_decoder(syntax).is_available
    except NotImplementedError:
        supported = False
    if not supported:
        raise Refusal("unsupported_encoding", "no decoder is installed for its transfer syntax", "export it in another one")


def _wanted(streams: Iterator[bytes], only: int | None) -> Iterator[bytes]:
    return streams if only is None else itertools.islice(streams, only, only + 1)


def _streams(dataset: Dataset, shape: _Shape) -> Iterator[bytes]:
    """Yield the compressed frames, no more than the header says; fewer are refused."""
    offsets = dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths")
    streams = generate_frames(
        dataset.PixelData, number_of_frames=shape.frames, extended_offsets=offsets if all(offsets) else None
    )
    count = 0
    for count, stream in enumerate(itertools.islice(streams, shape.frames), start=1):  # noqa: B007 - counted after the loop
        yield stream
    if count < shape.frames:
        raise unreadable(f"it holds {count} of its {shape.frames} frames")


def _checked_streams(dataset: Dataset, shape: _Shape, only: int | None) -> Dataset:
    """Return the data set with streams that a decoder may be given."""
    rle = dataset.file_meta.TransferSyntaxUID == uid.RLELossless
    broken = []
    for stream in _wanted(_streams(dataset, shape), only):
        if rle:
            _check_expansion(stream, shape)
            continue
        _check_stream(stream, shape)
        whole = mended(stream)
        if whole is not stream:
            broken.append(whole)
    if not broken:
        return dataset
    if len(broken) < (shape.frames if only is None else 1):
        raise unreadable("some of its frames have an impossible scan header")
    repaired = copy.copy(dataset)
    repaired.PixelData = encapsulate(broken)
    repaired.NumberOfFrames = len(broken)
    return repaired


def _check_stream(stream: bytes, shape: _Shape) -> None:
    facts = codestream(stream)
    if facts is None:
        raise unreadable("its compressed pixels are of no known kind")
    check_size(facts.rows, facts.columns)
    if (facts.rows, facts.columns, facts.samples) != (shape.rows, shape.columns, shape.samples):
        raise unreadable("its pixels do not have the size that its header says")
    if not facts.complete:
        raise unreadable("its compressed pixels are cut off")


def _check_expansion(stream: bytes, shape: _Shape) -> None:
    if shape.packed > _RLE_EXPANSION * len(stream):
        raise unreadable("its pixels do not have the size that its header says")


def _inflated(stream: bytes, shape: _Shape) -> bytes:
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(stream, shape.packed)


def _unpacked(stream: bytes, shape: _Shape) -> bytes:
    """Decode one frame of single bits in RLE (PS3.5 G.2): one segment of packed bytes."""
    _check_expansion(stream, shape)
    segments, first = (int.from_bytes(stream[place : place + 4], "little") for place in (0, 4))
    if segments != 1 or first != _RLE_HEADER:
        raise unreadable("its run lengths have an impossible header")
    return bytes(decode_segment(stream[_RLE_HEADER:]))


def _plain(content: bytes, shape: _Shape, dataset: Dataset) -> NDArray[Any]:
    """Return one frame of plain little-endian samples."""
    if len(content) < shape.packed:
        raise unreadable("its compressed pixels are cut off")
    content = content[: shape.packed]
    count = shape.rows * shape.columns * shape.samples
    if shape.allocated == 1:
        bits = np.unpackbits(np.frombuffer(content, np.uint8), count=count, bitorder="little")
        return bits.reshape(shape.array)
    kind = "i" if int(dataset.get("PixelRepresentation") or 0) else "u"
    samples = np.frombuffer(content, f"<{kind}{shape.allocated // 8}")
    if shape.samples == 3 and int(dataset.PlanarConfiguration) == 1:
        return samples.reshape(3, shape.rows, shape.columns).transpose(1, 2, 0)
    return samples.reshape(shape.array)


def _decoded(dataset: Dataset, shape: _Shape, only: int | None) -> Iterator[NDArray[Any]]:
    syntax = dataset.file_meta.TransferSyntaxUID
    compressed = syntax.is_encapsulated
    options: dict[str, Any] = {"allow_excess_frames": False}
    if compressed:
        options["decoding_plugin"] = "pylibjpeg"  # the same decoder on every machine
    else:
        options["view_only"] = True
    if syntax not in _OWN_DEPTH:
        options["correct_unused_bits"] = False  # pydicom overlooks the high bit
    frames_of = int(dataset.get("NumberOfFrames") or 1)
    indices = None if only is None or frames_of == 1 else [only]
    count = 0
    decoder = get_decoder(syntax)
    for pixels, facts in itertools.islice(decoder.iter_array(dataset, raw=True, indices=indices, **options), frames_of):
        if pixels.shape != shape.array:
            raise unreadable("its pixels do not have the size that its header says")
        count += 1
        yield _finished(pixels, str(facts["photometric_interpretation"]), dataset)
    if count < (frames_of if indices is None else 1):
        raise unreadable("it holds fewer frames than its header says")


def _finished(pixels: NDArray[Any], photometric: str, dataset: Dataset) -> NDArray[Any]:
    """Return decoded samples in native byte order, without meaningless bits, colour as RGB."""
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if np.issubdtype(pixels.dtype, np.integer) and dataset.file_meta.TransferSyntaxUID not in _OWN_DEPTH:
        pixels = _meaningful_bits(pixels, dataset)
    if pixels.ndim == 2 or photometric in _RGB:
        return pixels
    if photometric not in ("YBR_FULL", "YBR_FULL_422"):
        raise unreadable("its colour space is not supported")
    return rgb_from_ybr(pixels, int(dataset.BitsStored))


def _meaningful_bits(pixels: NDArray[Any], dataset: Dataset) -> NDArray[Any]:
    allocated = 8 * pixels.dtype.itemsize
    stored = int(dataset.BitsStored)
    high = int(dataset.get("HighBit", stored - 1))
    if int(dataset.BitsAllocated) == 1:
        return pixels
    if not 0 < stored <= high + 1 <= int(dataset.BitsAllocated):
        raise unreadable("its bits stored, allocated and high bit contradict each other")
    if stored >= allocated:
        return pixels
    if high == stored - 1 and pixels.dtype.kind == "u":
        kept: NDArray[Any] = pixels & pixels.dtype.type((1 << stored) - 1)
        return kept
    # Shifting back brings the sign along where the type is signed.
    shifted: NDArray[Any] = (pixels << (allocated - 1 - high)) >> (allocated - stored)
    return shifted


def find_syntax(dataset: Dataset) -> str | None:
    """Return the transfer syntax of a data set without file meta, from its encapsulated pixels, None where they are plain."""
    element = dataset.get_item("PixelData")
    value = getattr(element, "value", None)
    # Encapsulated pixels begin with the item of the offset table (PS3.5 A.4); plain ones hardly ever do.
    if not isinstance(value, bytes) or value[:4] != b"\xfe\xff\x00\xe0":
        return None
    first = next(generate_frames(value, number_of_frames=1), b"")
    return transfer_syntax(first)
