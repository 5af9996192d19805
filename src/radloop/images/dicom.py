"""DICOM files in: the attributes, the header and the stored frames, or a refusal."""

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

import pydicom
from numpy.typing import NDArray
from pydicom import uid

from radloop.errors import Refusal
from radloop.images.frames import PIXELS, find_syntax, frames
from radloop.images.groups import Attributes
from radloop.images.header import OLDEST, Header, parse_age, unreadable
from radloop.images.series import along_normal

# pydicom's warnings quote the values that they complain about, and a value may be a name.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"pydicom(\..*)?")
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

_PREAMBLE = 128
_MAX_INFLATED = 256_000_000
_META = 65536
"""Where the file meta is looked for."""
_VR = re.compile(rb"[A-Z]{2}")


def is_dicom(content: bytes) -> bool:
    """Tell whether some bytes are clearly DICOM, with or without the preamble of PS3.10 section 7.1."""
    return content[_PREAMBLE : _PREAMBLE + 4] == b"DICM" or _bare_start(content) is not None


def read_dataset(source: Path | bytes) -> pydicom.Dataset:
    """Read a file's attributes; pixels stay as they are stored.

    A file without file meta gets one: its encoding is seen in its first element, and compressed pixels
    name their own kind.

    Raises:
        Refusal: `unreadable_image` or `image_too_large`.
    """
    with refusing():
        content = source if isinstance(source, bytes) else source.read_bytes()
        if not is_dicom(content):
            raise unreadable("it is not DICOM")
        _check_inflated(content)
        if content[_PREAMBLE : _PREAMBLE + 4] != b"DICM":
            content = content[_bare_start(content) or 0 :]
        dataset = pydicom.dcmread(io.BytesIO(content), force=True)
        _complete_meta(dataset)
        return dataset


def read_header(dataset: pydicom.Dataset, frame: int = 0) -> Header:
    """Return what the attributes say of a frame; nothing is decoded.

    Raises:
        Refusal: `no_image`: a document, a plan or another object without pixels; `unreadable_image`: an
            image without its pixels or its size.
    """
    with refusing():
        _check_image(dataset)
        attributes = Attributes(dataset, frame)
        sex = attributes.word("PatientSex")
        burned_in = attributes.word("BurnedInAnnotation")
        return Header(
            modality=attributes.word("Modality"),
            body_part=attributes.word("BodyPartExamined"),
            view=attributes.word("ViewPosition"),
            sex=sex if sex in ("F", "M", "O") else None,
            age=_plausible(parse_age(attributes.word("PatientAge"))),
            photometric=attributes.word("PhotometricInterpretation"),
            patient=str(dataset.get("PatientID") or "").strip() or None,
            format="dicom",
            rows=int(dataset.Rows),
            columns=int(dataset.Columns),
            bits=int(dataset.get("BitsStored") or dataset.get("BitsAllocated") or 0),
            device=attributes.word("Manufacturer"),
            frames=_whole(dataset, "NumberOfFrames") or 1,
            series=str(dataset.get("SeriesInstanceUID") or "").strip() or None,
            instance=_whole(dataset, "InstanceNumber"),
            position=along_normal(attributes.numbers("ImageOrientationPatient"), attributes.numbers("ImagePositionPatient")),
            burned_in={"YES": True, "NO": False}.get(burned_in) if burned_in else None,
        )


def _plausible(age: float | None) -> float | None:
    """Return an age that a person can have, None for any other."""
    return age if age is not None and age <= OLDEST else None


def stored_frames(dataset: pydicom.Dataset, only: int | None = None) -> Iterator[NDArray[Any]]:
    """Yield the frames as they are stored, decoded one by one.

    Bits beyond those stored are removed, colour is red, green and blue, palettes keep their indices.

    Args:
        dataset: as `read_dataset` gives it.
        only: the index of the one frame that is wanted.

    Yields:
        integers or floats [rows, columns] or [rows, columns, 3].

    Raises:
        Refusal: `unreadable_image`, `image_too_large`, `unsupported_encoding` or `decode_memory`.
    """
    with refusing():
        _check_image(dataset)
        yield from frames(dataset, only)


def multi_frame() -> Refusal:
    """Return the refusal of a file with several frames where one still image is needed."""
    return Refusal("multi_frame", "the image has several frames; one still image is needed", "send one frame")


def _check_image(dataset: pydicom.Dataset) -> None:
    sized = dataset.get("Rows") is not None and dataset.get("Columns") is not None
    pixels = any(keyword in dataset for keyword in PIXELS)
    if sized and pixels:
        return
    if "SOPClassUID" in dataset and not pixels and "Rows" not in dataset:
        raise Refusal("no_image", "the file is DICOM, but no image", "send the image itself")
    raise unreadable("its pixels or their size are missing")


def _whole(dataset: pydicom.Dataset, keyword: str) -> int | None:
    """Return a whole number, None where the value is absent or not one."""
    try:
        return int(dataset.get(keyword))
    except (TypeError, ValueError):
        return None


def _bare_start(content: bytes) -> int | None:
    """Return where a data set without preamble begins, None where there is none.

    Its first element is of group 0002 or 0008, little endian. Some tools cut the preamble off one byte short.
    """
    if len(content) <= 16:
        return None
    for start in (0, 1):
        explicit = bool(_VR.fullmatch(content[start + 4 : start + 6]))
        implicit = start == 0 and int.from_bytes(content[4:8], "little") <= 256
        if content[start : start + 2] in (b"\x02\x00", b"\x08\x00") and (explicit or implicit):
            return start
    return None


def _complete_meta(dataset: pydicom.Dataset) -> None:
    """Name the transfer syntax of a file without file meta, as its encoding was found to be."""
    if not hasattr(dataset, "file_meta"):
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit = dataset.original_encoding[0]
        plain = uid.ImplicitVRLittleEndian if implicit else uid.ExplicitVRLittleEndian
        dataset.file_meta.TransferSyntaxUID = uid.UID(find_syntax(dataset) or plain)


def _check_inflated(content: bytes) -> None:
    """Refuse a deflated data set (PS3.5 A.5) that would fill the memory; pydicom inflates without a limit."""
    if str(uid.DeflatedExplicitVRLittleEndian).encode() not in content[:_META]:
        return
    start = _PREAMBLE + 16 + int.from_bytes(content[_PREAMBLE + 12 : _PREAMBLE + 16], "little")
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    size, waiting = 0, content[start:]
    while waiting and not inflate.eof:
        size += len(inflate.decompress(waiting, 1 << 24))
        waiting = inflate.unconsumed_tail
        if size > _MAX_INFLATED:
            raise Refusal("image_too_large", "the file unpacks to more than 256 MB", "send one image")


@contextmanager
def refusing() -> Iterator[None]:
    """Turn whatever a parser or a decoder raises into one refusal.

    Hostile files make them raise almost anything. The cause is dropped: its text may quote a value.
    """
    try:
        yield
    except (Refusal, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except MemoryError:
        raise Refusal(
            "decode_memory", "the image needs too much memory to decode", "send one image at its own resolution"
        ) from None
    except BaseException as error:  # noqa: BLE001 - a decoder written in Rust panics with no Exception
        raise unreadable(f"its content is broken or its encoding is not supported ({type(error).__name__})") from None
