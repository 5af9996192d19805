"""Bare DICOM: folders and file-sets."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from image_files import make_dataset, make_dicom, ramp
from pydicom.fileset import FileSet
from pydicom.uid import DeflatedExplicitVRLittleEndian

from radloop.data.sources import read_source
from radloop.errors import InputError
from radloop.use_case import UseCase

SOURCE = {"dicom_label": "ImageComments"}
PIXELS = ramp(8, 8, 4095)
MakeUseCase = Callable[..., UseCase]


@pytest.fixture
def use_case(make_use_case: MakeUseCase) -> UseCase:
    return make_use_case(source=SOURCE)


def save(path: Path, **attributes: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(make_dicom(PIXELS, **({"ImageComments": "normal"} | attributes)))
    return path


def test_headers_say_everything(tmp_path: Path, use_case: UseCase) -> None:
    save(tmp_path / "b" / "IM1", PatientAge="018M", Manufacturer="Acme", InstitutionName="General", ImageComments="opacity")
    save(tmp_path / "a.dcm", PatientID=None, PatientAge="62", PatientSex=None, StudyInstanceUID="1.2.3", ViewPosition=None)
    save(tmp_path / "sr.dcm", Modality="SR")
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / "empty").touch()
    first, second = read_source(tmp_path, use_case)
    assert (first.name, first.label, first.patient, first.group) == ("a.dcm", "normal", "a.dcm", "study 1.2.3")
    assert (first.sex, first.age, first.age_note, first.view, first.device) == (None, None, "no unit", None, None)
    assert (second.name, second.label, second.patient, second.group) == ("b/IM1", "opacity", "MRN-0042", None)
    assert (second.sex, second.age, second.site, second.device, second.view) == ("F", 1.5, "General", "ACME", "PA")


def test_phantoms(phantoms: Path, use_case: UseCase) -> None:
    rows = read_source(phantoms / "images", use_case)
    assert len(rows) > 50
    assert {row.label for row in rows} == {"normal", "opacity"}
    assert {row.sex for row in rows} == {"F", "M"}
    assert all(row.patient.startswith("PHANTOM") and row.age is not None and row.split is None for row in rows)


def test_files_without_meta_multi_frame_and_deflated_are_one_row_each(tmp_path: Path, use_case: UseCase) -> None:
    save(tmp_path / "frames.dcm", NumberOfFrames=2, Rows=4)
    content = save(tmp_path / "bare.dcm").read_bytes()
    meta = pydicom.dcmread(io.BytesIO(content)).file_meta.FileMetaInformationGroupLength
    (tmp_path / "bare.dcm").write_bytes(content[132 + 12 + meta :])
    dataset = make_dataset(PIXELS, ImageComments="opacity")
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    pydicom.dcmwrite(tmp_path / "deflated.dcm", dataset, enforce_file_format=True)
    rows = read_source(tmp_path, use_case)
    assert [(row.name, row.label, row.patient) for row in rows] == [
        ("bare.dcm", "normal", "MRN-0042"),
        ("deflated.dcm", "opacity", "MRN-0042"),
        ("frames.dcm", "normal", "MRN-0042"),
    ]


def test_a_label_that_is_a_name_is_never_quoted(tmp_path: Path, use_case: UseCase) -> None:
    save(tmp_path / "a.dcm")
    save(tmp_path / "b.dcm", ImageComments="Doe^Jane")
    with pytest.raises(InputError) as caught:
        read_source(tmp_path, use_case)
    assert (caught.value.code, caught.value.message) == (
        "unknown_label",
        "ImageComments is outside the classes in 1 rows, first row 2",
    )
    assert "Doe" not in caught.value.hint


def test_missing_labels(tmp_path: Path, use_case: UseCase, make_use_case: MakeUseCase) -> None:
    save(tmp_path / "a.dcm", ImageComments=None)
    save(tmp_path / "b.dcm")
    with pytest.raises(InputError, match="1 of 2 DICOM files have no ImageComments, first row 1"):
        read_source(tmp_path, use_case)
    with pytest.raises(InputError) as caught:
        read_source(tmp_path, make_use_case())
    assert caught.value.code == "no_label"
    assert "source.dicom_label" in caught.value.hint


def test_broken_headers_count_as_unreadable(tmp_path: Path, make_use_case: MakeUseCase) -> None:
    save(tmp_path / "a.dcm")
    (tmp_path / "b.dcm").write_bytes(b"this is text, and named as DICOM")
    assert len(read_source(tmp_path, make_use_case(source=SOURCE))) == 1
    with pytest.raises(InputError, match="1 DICOM files have no readable header, 0 are allowed"):
        read_source(tmp_path, make_use_case(source=SOURCE | {"max_unreadable": 0}))


def write_file_set(folder: Path) -> None:
    files = FileSet()
    for number in range(3):
        dataset = make_dataset(PIXELS, ImageComments=("normal", "opacity")[number % 2], PatientID=f"P{number}")
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = f"1.2.{number}", f"1.3.{number}"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.4.{number}"
        dataset.StudyDate, dataset.StudyTime, dataset.StudyID, dataset.SeriesNumber, dataset.InstanceNumber = (
            "20200101",
            "120000",
            "1",
            1,
            1,
        )
        files.add(dataset)
    files.write(folder)


def test_a_dicomdir_names_its_files(tmp_path: Path, use_case: UseCase) -> None:
    write_file_set(tmp_path)
    save(tmp_path / "not_listed.dcm")
    rows = read_source(tmp_path, use_case)
    assert [(row.label, row.patient) for row in rows] == [("normal", "P0"), ("opacity", "P1"), ("normal", "P2")]
    assert read_source(tmp_path / "DICOMDIR", use_case) == rows
    assert all(row.path.is_file() and row.path == tmp_path / row.name for row in rows)


def test_a_dicomdir_may_not_lead_out_of_its_folder(tmp_path: Path, use_case: UseCase) -> None:
    write_file_set(tmp_path / "set")
    directory = pydicom.dcmread(tmp_path / "set" / "DICOMDIR")
    record = next(record for record in directory.DirectoryRecordSequence if "ReferencedFileID" in record)
    record.ReferencedFileID = ["..", "secret"]
    directory.save_as(tmp_path / "set" / "DICOMDIR")
    with pytest.raises(InputError, match="names a file outside its folder"):
        read_source(tmp_path / "set", use_case)


def test_a_damaged_dicomdir_is_refused(tmp_path: Path, use_case: UseCase) -> None:
    (tmp_path / "DICOMDIR").write_bytes(np.zeros(64, np.uint8).tobytes())
    with pytest.raises(InputError, match="the DICOMDIR cannot be read"):
        read_source(tmp_path, use_case)
