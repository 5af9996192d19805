"""DICOM files in: one grey image and its header, or a refusal."""

from __future__ import annotations

import io
import logging
import re
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom import uid
from pydicom.encaps import generate_frames

from radloop.errors import Refusal
from radloop.images.codestream import codestream_size
from radloop.images.display import display
from radloop.images.header import Header, check_size, parse_age, unreadable

# pydicom's warnings quote the values that they complain about, and a value may be a name.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"pydicom(\..*)?")
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

_GREY = ("MONOCHROME1", "MONOCHROME2")
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_PREAMBLE = 128
_MAX_INFLATED = 256_000_000
_VR = re.compile(rb"[A-Z]{2}")


def is_dicom(content: bytes) -> bool:
    """Tell whether some bytes are clearly DICOM, with or without the preamble of PS3.10 section 7.1."""
    if content[_PREAMBLE : _PREAMBLE + 4] == b"DICM":
        return True
    # Without it, a data set begins with an element of group 0002 or 0008, little endian.
    begins = content[:2] in (b"\x02\x00", b"\x08\x00") and len(content) > 16
    return begins and (bool(_VR.fullmatch(content[4:6])) or int.from_bytes(content[4:8], "little") <= 256)


def read_dicom(source: Path | bytes) -> tuple[NDArray[np.uint8], Header]:
    """Read one DICOM image.

    Returns:
        uint8 [rows, columns] as a reader sees it, bright meaning dense, and its header.

    Raises:
        Refusal: `unreadable_image`, `image_too_large`, `colour_image` or `multi_frame`.
    """
    return read_pixels(read_dataset(source))


def read_dataset(source: Path | bytes) -> pydicom.Dataset:
    """Read a file's attributes; pixels stay as they are stored.

    Raises:
        Refusal: `unreadable_image`.
    """
    with refusing():
        content = source if isinstance(source, bytes) else source.read_bytes()
        if not is_dicom(content):
            raise unreadable("it is not DICOM")
        _check_inflated(content)
        dataset = pydicom.dcmread(io.BytesIO(content), force=True)
        _complete_meta(dataset)
        return dataset


def read_pixels(dataset: pydicom.Dataset) -> tuple[NDArray[np.uint8], Header]:
    """Return the displayed pixels uint8 [rows, columns] and the header of a data set.

    Raises:
        Refusal: `unreadable_image`, `image_too_large`, `colour_image` or `multi_frame`.
    """
    with refusing():
        header = read_header(dataset)
        return display(stored_values(dataset), dataset), header


def read_header(dataset: pydicom.Dataset) -> Header:
    """Return what the attributes say; nothing is decoded.

    Raises:
        Refusal: `unreadable_image`: there is no image or its size is missing.
    """
    with refusing():
        rows, columns = dataset.get("Rows"), dataset.get("Columns")
        if not any(keyword in dataset for keyword in _PIXELS) or rows is None or columns is None:
            raise unreadable("the file holds no image")
        sex = _word(dataset, "PatientSex")
        return Header(
            modality=_word(dataset, "Modality"),
            body_part=_word(dataset, "BodyPartExamined"),
            view=_word(dataset, "ViewPosition"),
            sex=sex if sex in ("F", "M", "O") else None,
            age=parse_age(_word(dataset, "PatientAge")),
            photometric=_word(dataset, "PhotometricInterpretation"),
            patient=str(dataset.get("PatientID") or "").strip() or None,
            format="dicom",
            rows=int(rows),
            columns=int(columns),
            bits=int(dataset.get("BitsStored") or dataset.get("BitsAllocated") or 0),
        )


def stored_values(dataset: pydicom.Dataset) -> NDArray[Any]:
    """Decode the pixels of a grey, single-frame image as they are stored.

    Bits beyond those stored are removed: old files keep overlays there (PS3.5 section 8.1.1).

    Returns:
        integers or floats [rows, columns].

    Raises:
        Refusal: `unreadable_image`, `image_too_large`, `colour_image` or `multi_frame`.
    """
    with refusing():
        _check_grey(dataset)
        check_size(int(dataset.Rows), int(dataset.Columns))
        compressed = dataset.file_meta.TransferSyntaxUID.is_compressed
        if compressed:
            _check_codestream(dataset)
        pixels = np.asarray(dataset.pixel_array)
        if pixels.shape != (int(dataset.Rows), int(dataset.Columns)):
            raise unreadable("its pixels do not have the size that its header says")
        if compressed or not np.issubdtype(pixels.dtype, np.integer):
            return pixels
        return _meaningful_bits(pixels.astype(pixels.dtype.newbyteorder("="), copy=False), dataset)


def _check_grey(dataset: pydicom.Dataset) -> None:
    if int(dataset.get("NumberOfFrames") or 1) != 1:
        raise Refusal("multi_frame", "the image has several frames; one still image is needed", "send one frame")
    photometric = _word(dataset, "PhotometricInterpretation")
    if photometric is None:
        raise unreadable("it does not say whether bright or dark means dense")
    if int(dataset.get("SamplesPerPixel") or 1) != 1 or photometric not in _GREY:
        raise Refusal("colour_image", "the image is in colour; a grey one is needed", "send the original, not a colour copy")


def _check_codestream(dataset: pydicom.Dataset) -> None:
    size = codestream_size(next(generate_frames(dataset.PixelData, number_of_frames=1)))
    if size is not None:
        check_size(*size)


def _meaningful_bits(pixels: NDArray[Any], dataset: pydicom.Dataset) -> NDArray[Any]:
    allocated = 8 * pixels.dtype.itemsize
    stored = int(dataset.BitsStored)
    high = int(dataset.get("HighBit", stored - 1))
    if not 0 < stored <= high + 1 <= allocated:
        raise unreadable("its bits stored, allocated and high bit contradict each other")
    # Shifting back brings the sign along where the type is signed.
    return pixels if stored == allocated else (pixels << (allocated - 1 - high)) >> (allocated - stored)


def _complete_meta(dataset: pydicom.Dataset) -> None:
    """Name the transfer syntax of a file without file meta, as its encoding was found to be."""
    if not hasattr(dataset, "file_meta"):
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit = dataset.original_encoding[0]
        dataset.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian if implicit else uid.ExplicitVRLittleEndian


def _check_inflated(content: bytes) -> None:
    """Refuse a deflated data set (PS3.5 A.5) that would fill the memory; pydicom inflates without a limit."""
    if str(uid.DeflatedExplicitVRLittleEndian).encode() not in content[:1024]:
        return
    start = _PREAMBLE + 16 + int.from_bytes(content[_PREAMBLE + 12 : _PREAMBLE + 16], "little")
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    size, waiting = 0, content[start:]
    while waiting and not inflate.eof:
        size += len(inflate.decompress(waiting, 1 << 24))
        waiting = inflate.unconsumed_tail
        if size > _MAX_INFLATED:
            raise Refusal("image_too_large", "the file unpacks to more than 256 MB", "send one image")


def _word(dataset: pydicom.Dataset, keyword: str) -> str | None:
    """Return a code string in upper case, its first value where there are several."""
    value = dataset.get(keyword)
    if isinstance(value, pydicom.multival.MultiValue):
        value = value[0] if value else None
    return str(value).strip().upper() or None if value is not None else None


@contextmanager
def refusing() -> Iterator[None]:
    """Turn whatever a parser or a decoder raises into one refusal.

    Hostile files make them raise almost anything. The cause is dropped: its text may quote a value.
    """
    try:
        yield
    except Refusal:
        raise
    except Exception as error:  # noqa: BLE001
        raise unreadable(f"its content is broken or its encoding is not supported ({type(error).__name__})") from None
