"""The files are complete, say that they are synthetic, and never vary."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

from radloop.data.phantoms.cohort import Label, Phantom
from radloop.data.phantoms.dicom import IMPLEMENTATION_UID, write_dicom
from radloop.data.phantoms.exposure import Site
from radloop.data.phantoms.picture import Picture

SEED = 5
PHANTOM = Phantom(12, 9, 1, "F", 45, Site.B, "PA", "train", opaque=True, label=Label.OPACITY, inverted=False)

# Type 1 and 2 of the modules that PS3.3 A.2 makes mandatory, and those that our readers rely on.
FILLED = (
    *(
        "SOPClassUID",
        "SOPInstanceUID",
        "SyntheticData",
        "StudyInstanceUID",
        "StudyDate",
        "StudyTime",
        "StudyID",
        "StudyDescription",
    ),
    *("SeriesInstanceUID", "SeriesNumber", "Modality", "BodyPartExamined", "ViewPosition", "Manufacturer", "InstitutionName"),
    *("PatientName", "PatientID", "PatientSex", "PatientAge", "InstanceNumber", "PatientOrientation", "ImageComments"),
    *(
        "StudyDescription",
        "BurnedInAnnotation",
        "KVP",
        "Exposure",
        "ImagerPixelSpacing",
        "SamplesPerPixel",
        "PhotometricInterpretation",
    ),
    *(
        "Rows",
        "Columns",
        "BitsAllocated",
        "BitsStored",
        "HighBit",
        "PixelRepresentation",
        "WindowCenter",
        "WindowWidth",
        "PixelData",
    ),
)
MAY_BE_EMPTY = ("PatientBirthDate", "ReferringPhysicianName", "AccessionNumber")


@pytest.fixture(scope="module")
def picture() -> Picture:
    values = np.arange(256 * 256, dtype=np.int32).reshape(256, 256) % 4096
    return Picture(values, 120, 100, 3100)


def test_the_file_is_a_complete_cr_image(tmp_path: Path, picture: Picture) -> None:
    write_dicom(tmp_path / "a.dcm", PHANTOM, picture, SEED)
    dataset = dcmread(tmp_path / "a.dcm")
    assert dataset.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert dataset.file_meta.MediaStorageSOPClassUID == dataset.SOPClassUID == ComputedRadiographyImageStorage
    assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
    assert [name for name in FILLED if not dataset.get(name) and dataset.get(name) != 0] == []
    assert [name for name in MAY_BE_EMPTY if name not in dataset] == []
    assert (dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation) == (16, 12, 11, 0)
    assert (dataset.PatientAge, dataset.PatientSex, dataset.ViewPosition, dataset.ImageComments) == ("045Y", "F", "PA", "opacity")
    assert (dataset.pixel_array == picture.values).all()


def test_everything_says_that_it_is_synthetic(tmp_path: Path, picture: Picture) -> None:
    write_dicom(tmp_path / "a.dcm", PHANTOM, picture, SEED)
    dataset = dcmread(tmp_path / "a.dcm")
    assert str(dataset.PatientName) == "SYNTHETIC^PHANTOM"
    assert dataset.PatientID == "PHANTOM-5-0009"
    assert dataset.SyntheticData == "YES"
    assert dataset.InstitutionName == "SYNTHETIC SITE B"
    assert "SYNTHETIC" in dataset.StudyDescription
    assert "SYNTHETIC" in dataset.Manufacturer


def test_nothing_in_the_bytes_varies(tmp_path: Path, picture: Picture) -> None:
    for name in ("a", "b"):
        write_dicom(tmp_path / name, PHANTOM, picture, SEED)
    content = (tmp_path / "a").read_bytes()
    assert content == (tmp_path / "b").read_bytes()
    assert b"PYDICOM" not in content.upper()
    assert str(IMPLEMENTATION_UID).encode() in content


def test_uids_are_valid_and_their_own(tmp_path: Path, picture: Picture) -> None:
    seen: set[str] = set()
    for index, seed in ((0, 1), (1, 1), (0, 2)):
        write_dicom(tmp_path / "a.dcm", replace(PHANTOM, index=index), picture, seed)
        dataset = dcmread(tmp_path / "a.dcm")
        for uid in (dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID):
            assert uid.is_valid
            number = int(uid.removeprefix("2.25."))
            # Version 8, variant 10 (RFC 9562).
            assert (number >> 76 & 0xF, number >> 62 & 0x3) == (8, 2)
            seen.add(uid)
    assert len(seen) == 9


def test_monochrome1_is_inverted_with_its_window(tmp_path: Path, picture: Picture) -> None:
    write_dicom(tmp_path / "plain.dcm", PHANTOM, picture, SEED)
    write_dicom(tmp_path / "inverted.dcm", replace(PHANTOM, inverted=True), picture, SEED)
    plain, inverted = dcmread(tmp_path / "plain.dcm"), dcmread(tmp_path / "inverted.dcm")
    assert (plain.PhotometricInterpretation, inverted.PhotometricInterpretation) == ("MONOCHROME2", "MONOCHROME1")
    assert (inverted.pixel_array == 4095 - picture.values).all()
    # Shown from 100 to 3100: centre 1600, width 3000; inverted 4096 - 1600.
    assert (plain.WindowCenter, plain.WindowWidth) == (1600, 3000)
    assert (inverted.WindowCenter, inverted.WindowWidth) == (2496, 3000)


def test_a_later_visit_is_a_later_study(tmp_path: Path, picture: Picture) -> None:
    days = []
    for visit in range(3):
        write_dicom(tmp_path / "a.dcm", replace(PHANTOM, index=20 + visit, visit=visit), picture, SEED)
        days.append(dcmread(tmp_path / "a.dcm").StudyDate)
    assert days == sorted(set(days))
