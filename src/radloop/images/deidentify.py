"""De-identification of DICOM by a whitelist.

What is not listed is dropped: dates, institutions, free text, private elements, overlays and
sequences. This is stricter than the Basic Profile of PS3.15 Annex E, which lists what to remove.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import re

import numpy as np
import pydicom
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence

from radloop.errors import Refusal
from radloop.images.dicom import refusing, stored_values
from radloop.images.header import parse_age

METHOD = "Radloop whitelist: pixels, geometry, window, age, sex"
# Constants of this writer: the same input and key must give the same bytes.
IMPLEMENTATION = "2.25.302110783284537906104871293049358240761"
VERSION_NAME = "RADLOOP_1"

_CODES = (
    "Modality",
    "BodyPartExamined",
    "ViewPosition",
    "PatientSex",
    "PhotometricInterpretation",
    "VOILUTFunction",
    "RescaleType",
)
_CODE = re.compile(r"[A-Z0-9 _]{1,16}")
_NUMBERS = (
    "PatientAge",
    "KVP",
    "ImagerPixelSpacing",
    "NominalScannedPixelSpacing",
    "SamplesPerPixel",
    "Rows",
    "Columns",
    "PixelSpacing",
    "PixelAspectRatio",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "WindowCenter",
    "WindowWidth",
    "RescaleIntercept",
    "RescaleSlope",
)
_LOOKUPS = ("ModalityLUTSequence", "VOILUTSequence")
_UIDS = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_OLDEST = 89
"""Ages above are a possible identifier (45 CFR 164.514(b)(2)(i)(C)) and become 90."""


def pseudonym(key: bytes, patient: str) -> str:
    """Return the pseudonym of a patient: `P` and 16 hexadecimal digits of HMAC-SHA256."""
    return "P" + hmac.new(key, patient.encode(), hashlib.sha256).hexdigest()[:16]


def deidentified(dataset: Dataset, pseudonym: str, uid_key: bytes) -> Dataset:
    """Return a copy that holds the image, its geometry and window, age and sex, and nothing else.

    Pixels are decoded and stored plainly: a compressed stream may carry comments, and bits
    beyond those stored an overlay.

    Args:
        dataset: a grey, single-frame image with file meta, as `dicom.read_dataset` gives it.
        pseudonym: the new Patient ID.
        uid_key: the secret from which new UIDs follow; equal UIDs stay equal.

    Raises:
        Refusal: `burned_in_annotation` where the file says that text is in its pixels, or what
            `dicom.stored_values` refuses.
    """
    with refusing():
        return _clean(dataset, pseudonym, uid_key)


def _clean(dataset: Dataset, patient: str, key: bytes) -> Dataset:
    if str(dataset.get("BurnedInAnnotation") or "").strip().upper() == "YES":
        raise Refusal(
            "burned_in_annotation",
            "the file says that annotations are burnt into its pixels",
            "mask the text and set (0028,0301) to NO",
        )
    clean = Dataset()
    _copy_pixels(dataset, clean)
    _copy_codes(dataset, clean)
    for keyword in _NUMBERS:
        if keyword in dataset and keyword not in clean and dataset[keyword].value not in (None, "", b""):
            clean[keyword] = dataset[keyword]
    _limit_age(clean)
    for keyword in _LOOKUPS:
        if dataset.get(keyword):
            setattr(clean, keyword, Sequence([_lookup(item, keyword) for item in dataset[keyword].value]))
    _replace_uids(dataset, clean, key)
    clean.PatientID = patient
    clean.PatientName = ""
    clean.PatientIdentityRemoved = "YES"
    clean.DeidentificationMethod = METHOD
    return clean


def write_deidentified(dataset: Dataset, pseudonym: str, uid_key: bytes) -> bytes:
    """Return the de-identified file: the same input and key give the same bytes on any machine.

    Raises:
        Refusal: as `deidentified`.
    """
    clean = deidentified(dataset, pseudonym, uid_key)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = clean.SOPClassUID
    meta.MediaStorageSOPInstanceUID = clean.SOPInstanceUID
    meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    meta.ImplementationClassUID = uid.UID(IMPLEMENTATION)
    meta.ImplementationVersionName = VERSION_NAME
    clean.file_meta = meta
    clean.preamble = b"\0" * 128
    stream = io.BytesIO()
    with refusing():
        pydicom.dcmwrite(stream, clean, enforce_file_format=True)
    return stream.getvalue()


def _copy_pixels(dataset: Dataset, clean: Dataset) -> None:
    pixels = stored_values(dataset)
    little = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder("<"), copy=False)).tobytes()
    padded = little + b"\0" * (len(little) % 2)
    clean.SamplesPerPixel = 1
    clean.Rows, clean.Columns = pixels.shape
    clean.BitsAllocated = 8 * pixels.dtype.itemsize
    if np.issubdtype(pixels.dtype, np.floating):
        keyword = "FloatPixelData" if pixels.dtype.itemsize == 4 else "DoubleFloatPixelData"
        setattr(clean, keyword, padded)
        return
    clean.BitsStored = int(dataset.BitsStored)
    clean.HighBit = clean.BitsStored - 1
    clean.PixelRepresentation = int(np.issubdtype(pixels.dtype, np.signedinteger))
    clean.PixelData = padded
    clean["PixelData"].VR = "OB" if clean.BitsAllocated <= 8 else "OW"


def _copy_codes(dataset: Dataset, clean: Dataset) -> None:
    """Copy code strings that are code strings: a free text in their place may name a person."""
    for keyword in _CODES:
        text = str(dataset.get(keyword) or "").strip().upper()
        if _CODE.fullmatch(text):
            setattr(clean, keyword, text)


def _limit_age(clean: Dataset) -> None:
    age = parse_age(str(clean.get("PatientAge") or ""))
    if age is None:
        clean.pop("PatientAge", None)
    elif age > _OLDEST:
        clean.PatientAge = "090Y"


def _lookup(item: Dataset, keyword: str) -> Dataset:
    table = Dataset()
    table["LUTDescriptor"] = item["LUTDescriptor"]
    table["LUTData"] = item["LUTData"]
    if keyword == "ModalityLUTSequence":
        table.ModalityLUTType = "US"  # required, and free text in the source: unspecified
    return table


def _replace_uids(dataset: Dataset, clean: Dataset, key: bytes) -> None:
    sop_class = str(dataset.get("SOPClassUID") or "")
    known = sop_class.startswith("1.2.840.10008.")
    clean.SOPClassUID = uid.UID(sop_class) if known else uid.SecondaryCaptureImageStorage
    pixels = next(bytes(clean[word].value) for word in ("PixelData", "FloatPixelData", "DoubleFloatPixelData") if word in clean)
    for keyword in _UIDS:
        # A file without one gets a UID of its content: it must have one, and the same one each time.
        old = str(dataset.get(keyword) or "").encode() or keyword.encode() + hashlib.sha256(pixels).digest()
        setattr(clean, keyword, _keyed_uid(key, old))


def _keyed_uid(key: bytes, old: bytes) -> uid.UID:
    """Return a UID under 2.25 (PS3.5 B.2): a UUID of version 8 (RFC 9562) made of a keyed hash."""
    number = int.from_bytes(hmac.new(key, old, hashlib.sha256).digest()[:16], "big")
    number = number & ~(0xF << 76) | 0x8 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return uid.UID(f"2.25.{number}")
