"""De-identification of DICOM: the Basic Profile of PS3.15 Annex E, and a list of what may stay before and behind it.

Options of the profile: Retain Patient Characteristics (age and sex) and Retain Longitudinal
Temporal Information with Modified Dates (every date of a patient moves by the same secret number
of days; times of day go). New UIDs, too, follow from a key: no table of names is kept.

Not found: identifiers that are drawn in the pixels, hidden in entropy-coded data or in the
entries of lookup tables, and numbers of at most five digits in attributes of the acquisition.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import io
import re
from collections.abc import Callable

import pydicom
from pydicom import uid
from pydicom._uid_dict import UID_dictionary
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence

from radloop.images.dicom import refusing
from radloop.images.pixel_data import PixelContent, pixel_content
from radloop.images.profile import Replacements, clean_header

METHOD = ("DICOM PS3.15 Annex E Basic Profile", "Radloop: allow-list of attributes and terms")
CODES = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    ("113108", "Retain Patient Characteristics Option"),
)
"""PS3.16 CID 7050."""
# Constants of this writer: the same input and key must give the same bytes.
IMPLEMENTATION = "2.25.302110783284537906104871293049358240761"
VERSION_NAME = "RADLOOP_1"

_MAX_SHIFT = 3652
"""Dates move into the past by one day to ten years."""
_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})(\d{2,6}(\.\d{1,6})?)?([+-]\d{4})?")
_EMPTY = ("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "PatientName", "PatientBirthDate", "PatientSex")
_EMPTY_TOO = ("StudyID", "SeriesNumber", "Manufacturer", "InstanceNumber")
"""Type 2 of the modules that every image has (PS3.3 C.7.1.1, C.7.2.1, C.7.3.1, C.7.5.1, C.7.6.1)."""
_UIDS = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")


def deidentified(dataset: Dataset, pseudonym: str, uid_key: bytes) -> Dataset:
    """Return a copy that holds the image and what describes it, and nothing of the patient but age and sex.

    Compressed pixels stay compressed, without their comments; see `pixel_data` and `profile`.

    Args:
        dataset: an image with file meta, as `dicom.read_dataset` gives it.
        pseudonym: the new Patient ID.
        uid_key: the secret from which new UIDs and the days by which dates move follow; equal UIDs stay equal.

    Raises:
        Refusal: `unreadable_image` or `image_too_large`: what cannot be understood is never passed on.
    """
    with refusing():
        return _clean(dataset, pseudonym, uid_key)


def write_deidentified(dataset: Dataset, pseudonym: str, uid_key: bytes) -> bytes:
    """Return the de-identified file: the same input and key give the same bytes on any machine.

    Raises:
        Refusal: as `deidentified`.
    """
    return file_bytes(deidentified(dataset, pseudonym, uid_key))


def file_bytes(clean: Dataset) -> bytes:
    """Return what `deidentified` gave as a file.

    Raises:
        Refusal: `unreadable_image`: it cannot be written.
    """
    stream = io.BytesIO()
    with refusing():
        pydicom.dcmwrite(stream, clean, enforce_file_format=True)
    return stream.getvalue()


def _clean(dataset: Dataset, patient: str, key: bytes) -> Dataset:
    pixels = pixel_content(dataset)
    clean = clean_header(
        dataset,
        Replacements(
            uid=lambda old: _new_uid(key, old),
            date=_shift(key, patient),
            wide=int(dataset.BitsAllocated) > 16,
            enhanced="PerFrameFunctionalGroupsSequence" in dataset,
            big_endian=dataset.file_meta.TransferSyntaxUID == uid.ExplicitVRBigEndian,
        ),
    )
    for keyword in (*_EMPTY, *_EMPTY_TOO):
        if keyword not in clean:
            setattr(clean, keyword, "" if keyword.endswith("Name") else None)
    clean.PatientID = patient
    _set_uids(clean, pixels, key)
    _record_method(clean)
    _set_pixels(clean, pixels)
    clean.file_meta = _file_meta(clean, pixels.syntax)
    clean.preamble = b"\0" * 128
    return clean


def _set_uids(clean: Dataset, pixels: PixelContent, key: bytes) -> None:
    """Complete what every object must have: a file without gets UIDs of its content, the same ones each time."""
    if not str(clean.get("SOPClassUID") or "").startswith("1.2.840.10008."):
        clean.SOPClassUID = uid.SecondaryCaptureImageStorage
    missing = [keyword for keyword in _UIDS if not clean.get(keyword)]
    digest = hashlib.sha256(pixels.value).digest() if missing else b""
    for keyword in missing:
        setattr(clean, keyword, _keyed_uid(key, keyword.encode() + digest))


def _record_method(clean: Dataset) -> None:
    clean.PatientIdentityRemoved = "YES"
    clean.DeidentificationMethod = list(METHOD)
    clean.DeidentificationMethodCodeSequence = Sequence(_method_code(*code) for code in CODES)
    clean.LongitudinalTemporalInformationModified = "MODIFIED"


def _method_code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def _set_pixels(clean: Dataset, pixels: PixelContent) -> None:
    for keyword, value in pixels.changes.items():
        setattr(clean, keyword, value)
    setattr(clean, pixels.keyword, pixels.value)
    if pixels.keyword == "PixelData":
        encapsulated = pixels.syntax.is_encapsulated
        clean["PixelData"].VR = "OB" if encapsulated or int(clean.BitsAllocated) <= 8 else "OW"
        clean["PixelData"].is_undefined_length = encapsulated


def _file_meta(clean: Dataset, syntax: uid.UID) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = clean.SOPClassUID
    meta.MediaStorageSOPInstanceUID = clean.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = uid.UID(IMPLEMENTATION)
    meta.ImplementationVersionName = VERSION_NAME
    return meta


def _shift(key: bytes, patient: str) -> Callable[[str], str | None]:
    """Return what moves a DA or DT value by the patient's days; the time of a DT goes, a value that is no date gives None."""
    number = int.from_bytes(hmac.new(key, b"days " + patient.encode(), hashlib.sha256).digest()[:8], "big")
    days = datetime.timedelta(days=1 + number % _MAX_SHIFT)

    def shifted(text: str) -> str | None:
        match = _DATE.fullmatch(text.strip())
        if match is None:
            return None
        try:
            moved = datetime.date(int(match[1]), int(match[2]), int(match[3])) - days
        except (ValueError, OverflowError):
            return None
        return f"{moved.year:04d}{moved.month:02d}{moved.day:02d}"

    return shifted


def _new_uid(key: bytes, old: str) -> str:
    """Return a UID of the standard itself as it is, and the keyed replacement of any other."""
    old = old.strip("\0 ")
    return old if old in UID_dictionary else str(_keyed_uid(key, old.encode()))


def _keyed_uid(key: bytes, old: bytes) -> uid.UID:
    """Return a UID under 2.25 (PS3.5 B.2): a UUID of version 8 (RFC 9562) made of a keyed hash."""
    number = int.from_bytes(hmac.new(key, old, hashlib.sha256).digest()[:16], "big")
    number = number & ~(0xF << 76) | 0x8 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return uid.UID(f"2.25.{number}")
