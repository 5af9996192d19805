"""Real series: nothing of the patient is left, and they are still valid objects with the same pixels."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import Dataset

from radloop.errors import Refusal
from radloop.images.codes import known_code
from radloop.images.deidentify import write_deidentified
from radloop.images.dicom import read_dataset
from radloop.images.frames import frames

KEY = b"key of a test"
REFUSED = {
    "MR_truncated.dcm",
    "dwv-test_no-number-rows.dcm",
    "emri_small_jpeg_2k_lossless_too_short.dcm",
    "reportsi.dcm",
    "rtplan.dcm",
}
# PS3.3 C.8.3.1, of type 1 and 2, and what every image of a series has (C.7.3.1, C.7.6.1, C.7.6.2).
MR_IMAGE = """ImageType SamplesPerPixel PhotometricInterpretation BitsAllocated ScanningSequence SequenceVariant ScanOptions
MRAcquisitionType RepetitionTime EchoTime EchoTrainLength InversionTime"""
COMMON = """PatientName PatientID PatientBirthDate PatientSex StudyInstanceUID StudyDate StudyTime ReferringPhysicianName StudyID
AccessionNumber Modality SeriesInstanceUID SeriesNumber FrameOfReferenceUID PositionReferenceIndicator Manufacturer InstanceNumber
PixelSpacing ImageOrientationPatient ImagePositionPatient SliceThickness SOPClassUID SOPInstanceUID"""
# What may stay of a source's texts, for it tells nothing of a person.
_TOLD = frozenset(
    (
        "SIEMENS",
        "GE MEDICAL SYSTEMS",
        "TOSHIBA",
        "TOSHIBA_MEC",
        "PHILIPS",
        "PHILIPS MEDICAL SYSTEMS",
        "STANDARD",
        "CHEST",
        "PANCREAS",
        "WHOLE BODY",
        "B30S",
        "FC17",
        "RCBF",
        "LIVER",
    )
)
_CODE = ("CodeValue", "CodingSchemeDesignator", "CodeMeaning")


def dicom_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".md", ".csv"))


def leaves(dataset: Dataset, *, coded: bool = True) -> Any:
    """Yield all values; without those of codes that the standard knows where `coded` is false."""
    known = not coded and known_code(str(dataset.get("CodeValue")), str(dataset.get("CodingSchemeDesignator")))
    for element in dataset:
        if known and element.keyword in _CODE:
            continue
        if element.VR == "SQ":
            for item in element.value:
                yield from leaves(item, coded=coded)
        else:
            yield element


def secrets(dataset: Dataset) -> set[str]:
    """Return every name, identifier, description, UID, date and time of the source, of private elements too."""
    words: set[str] = set()
    for element in leaves(dataset, coded=False):
        if element.VR in ("PN", "LO", "SH", "ST", "LT", "UT", "DA", "TM", "DT", "AE", "UI"):
            values = element.value if element.VM > 1 else [element.value]
            words |= {str(value).strip() for value in values}
        if element.VR in ("OB", "UN") and element.tag.is_private:
            words |= {match.decode() for match in re.findall(rb"(?:19|20)\d{2}[01]\d[0-3]\d", element.value)}
    long = {
        word for word in words if len(word) > 3 and len(set(word)) > 1 and word.upper() not in _TOLD and word not in uid_words()
    }
    return long - {"1.00", "1.0"}


def uid_words() -> frozenset[str]:
    return frozenset((*uid.AllTransferSyntaxes, *(str(item) for item in vars(uid).values() if isinstance(item, uid.UID))))


def head(written: bytes) -> bytes:
    """Return the bytes before the pixels, in which any two letters may occur by chance."""
    match = re.search(rb"\xe0\x7f[\x08\x09\x10]\0O[BDFW]", written)
    assert match is not None
    return written[: match.start()]


def arrays(dataset: Dataset) -> list[NDArray[Any]]:
    return list(frames(dataset))


def test_the_series_of_a_child(real_data: Path) -> None:
    paths = dicom_files(real_data / "dicom-mr-series-sag")
    assert len(paths) >= 8
    sources = [read_dataset(path) for path in paths]
    named = {str(sources[0][keyword].value) for keyword in ("PatientBirthDate", "StudyDate", "StationName", "DeviceSerialNumber")}
    initials = str(sources[0].PerformingPhysicianName)
    assert len(initials) == 2
    cleaned = []
    for path, source in zip(paths, sources, strict=True):
        written = write_deidentified(source, "P0123456789abcdef", KEY)
        for secret in secrets(source) | named | {path.name[:-4]}:
            assert secret.encode() not in head(written), "a value of the source is left"
        assert initials.encode() not in head(written).replace(b"SIEMENS", b"")
        clean = pydicom.dcmread(io.BytesIO(written))
        assert not [element for element in leaves(clean) if str(element.value) == initials]
        assert np.array_equal(arrays(clean)[0], arrays(source)[0])
        cleaned.append(clean)
    assert len({clean.SeriesInstanceUID for clean in cleaned}) == len({clean.StudyInstanceUID for clean in cleaned}) == 1
    assert len({clean.SOPInstanceUID for clean in cleaned}) == len(cleaned)
    assert len({clean.StudyDate for clean in cleaned}) == 1
    order = [positions(group) for group in (sources, cleaned)]
    assert np.array_equal(np.argsort(order[0]), np.argsort(order[1])) and len(set(order[1])) == len(paths)
    for clean in cleaned:
        assert not [word for word in (MR_IMAGE + " " + COMMON).split() if word not in clean]
        assert not [word for word in ("ImageType", "ScanningSequence", "SequenceVariant") if not clean[word].value]


def positions(series: list[Dataset]) -> list[float]:
    normal = np.cross(series[0].ImageOrientationPatient[:3], series[0].ImageOrientationPatient[3:])
    return [float(np.dot(normal, dataset.ImagePositionPatient)) for dataset in series]


@pytest.mark.parametrize("folder", ["dicom-mr-series-sag", "dicom-ct-multi-patient", "cxr_dicom", "dicom-edge"])
def test_pixels_stay_and_words_go(real_data: Path, folder: str) -> None:
    """Every file is refused with a code or comes out clean, with the same pixels."""
    refused = set()
    for path in dicom_files(real_data / folder):
        source = read_dataset(path)
        try:
            written = write_deidentified(source, "P1", KEY)
        except Refusal as refusal:
            assert refusal.code == "unreadable_image"
            refused.add(path.name)
            continue
        left = [secret for secret in secrets(source) if secret.encode() in head(written)]
        assert not left, f"{path.name}: {len(left)} values of the source are left"
        for before, after in zip(arrays(source), arrays(read_dataset(written)), strict=True):
            assert before.dtype == after.dtype and np.array_equal(before, after), path.name
    assert refused == (REFUSED if folder == "dicom-edge" else set())


@pytest.mark.parametrize("folder", ["dicom-mr-series-sag", "dicom-ct-multi-patient", "cxr_dicom", "dicom-edge"])
def test_every_value_is_valid(real_data: Path, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that raises on whatever breaks a rule of PS3.5 reads all values of the output."""
    for path in dicom_files(real_data / folder):
        if path.name in REFUSED:
            continue
        written = write_deidentified(read_dataset(path), "P1", KEY)
        with monkeypatch.context() as strict:
            strict.setattr(pydicom.config.settings, "reading_validation_mode", pydicom.config.RAISE)
            strict.setattr(pydicom.config.settings, "writing_validation_mode", pydicom.config.RAISE)
            dataset = pydicom.dcmread(io.BytesIO(written))
            for element in leaves(dataset):
                assert element.value is not Ellipsis
            pydicom.dcmwrite(io.BytesIO(), dataset, enforce_file_format=True)
