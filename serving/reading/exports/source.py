"""The DICOM file that was answered for, read for its header."""

from __future__ import annotations

import io

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

MANUFACTURER = "Radloop"
SERIES = 9100
"""The number of a series of ours, out of the way of the modality's."""
NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_PATIENT = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex")
_STUDY = ("StudyID", "AccessionNumber", "StudyDate", "StudyTime", "ReferringPhysicianName")


def source_of(content: bytes) -> Dataset:
    """Return the header of a DICOM file, with the type 2 attributes of patient and study present.

    Raises:
        ValueError: it is none, or an identifier that results have to refer to is missing.
    """
    try:
        dataset = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)
    except Exception as error:  # noqa: BLE001 - whatever a parser says of a hostile file
        raise ValueError(f"the file's header cannot be read ({type(error).__name__})") from None
    missing = [name for name in NEEDED if not dataset.get(name)]
    if missing:
        raise ValueError(f"the file has no {', '.join(missing)}")
    for name in _PATIENT + _STUDY:
        if name not in dataset:
            setattr(dataset, name, None)
    return dataset


def new_uid() -> str:
    """Return a UID made from a UUID (PS3.5 B.2)."""
    return str(generate_uid(prefix=None))


def written(dataset: Dataset) -> bytes:
    """Return a data set as a DICOM file."""
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
