"""Ingest: images in, de-identified, versioned; the same again changes nothing."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
import yaml
from image_files import make_dicom, ramp
from installations import Installation, make_installation, small_phantom_config

from radloop.configuration import load_use_case
from radloop.data import versions
from radloop.data.ingest import ingest
from radloop.data.manifest import read_manifest
from radloop.errors import InputError, IntegrityError
from radloop.settings import Settings
from radloop.use_case import UseCase


@pytest.fixture
def settings(installation: Installation) -> Settings:
    return installation.settings


@pytest.fixture
def use_case(settings: Settings) -> UseCase:
    return load_use_case("phantom-cxr", settings)


def test_ingest_lists_every_image_and_pins_the_version(settings: Settings, use_case: UseCase, phantoms: Path) -> None:
    seen: list[tuple[int, int]] = []
    result = ingest(use_case, phantoms, settings, lambda done, total: seen.append((done, total)))
    with (phantoms / "manifest.csv").open(newline="") as stream:
        source = list(csv.DictReader(stream))
    frame = read_manifest(settings.data / "phantom-cxr")
    assert result.changed
    assert (len(frame), result.images, seen[-1]) == (len(source), len(source), (len(source), len(source)))
    assert result.patients == len({row["patient"] for row in source})
    entry = yaml.safe_load((settings.root / "data.dvc").read_text())["outs"][0]
    assert (entry["path"], entry["md5"]) == ("data/phantom-cxr", result.data_version)
    assert [row["label"] for row in source] == list(frame["label"])
    assert [row["split"] for row in source] == list(frame["split"])
    assert list(frame["extent"]) == [float(row["extent"]) for row in source]
    assert frame["sex"].isin(["F", "M"]).all()
    assert frame["age"].between(18, 89).all()


def test_stored_images_name_nobody(settings: Settings, use_case: UseCase, phantoms: Path) -> None:
    ingest(use_case, phantoms, settings)
    frame = read_manifest(settings.data / "phantom-cxr")
    stored = pydicom.dcmread(settings.data / "phantom-cxr" / frame["path"][0])
    assert stored.PatientID == frame["patient"][0]
    assert str(stored.PatientName) == ""
    assert stored.PatientIdentityRemoved == "YES"
    for keyword in ("InstitutionName", "ImageComments", "ManufacturerModelName", "StationName"):
        assert not stored.get(keyword), keyword


def test_ingesting_again_changes_nothing_and_says_so(settings: Settings, use_case: UseCase, phantoms: Path) -> None:
    first = ingest(use_case, phantoms, settings)
    pinned = (settings.root / "data.dvc").read_bytes()
    second = ingest(use_case, phantoms, settings)
    assert not second.changed
    assert second.data_version == first.data_version
    assert (settings.root / "data.dvc").read_bytes() == pinned


def test_two_installations_pin_the_same_phantoms(tmp_path: Path, phantoms: Path) -> None:
    versions_ = set()
    for name in "ab":
        place = make_installation(tmp_path / name).settings
        versions_.add(ingest(load_use_case("phantom-cxr", place), phantoms, place).data_version)
    assert len(versions_) == 1


def test_other_use_cases_entries_stay(settings: Settings, use_case: UseCase, phantoms: Path) -> None:
    (settings.root / "data.dvc").write_text(
        "outs:\n- path: data/other\n  md5: 0123456789abcdef0123456789abcdef.dir\n  hash: md5\n"
    )
    ingest(use_case, phantoms, settings)
    outs = yaml.safe_load((settings.root / "data.dvc").read_text())["outs"]
    assert [entry["path"] for entry in outs] == ["data/other", "data/phantom-cxr"]
    assert outs[0]["md5"] == "0123456789abcdef0123456789abcdef.dir"


def test_unreadable_images_are_listed_up_to_the_limit(tmp_path: Path, phantoms: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(phantoms, source)
    (source / "images" / "00003.dcm").write_bytes(b"no image at all")
    (source / "images" / "00007.dcm").unlink()
    config = small_phantom_config()
    config["source"]["max_unreadable"] = 0
    strict = make_installation(tmp_path / "strict", config)
    with pytest.raises(InputError) as caught:
        ingest(load_use_case("phantom-cxr", strict.settings), source, strict.settings)
    assert caught.value.code == "unreadable_images"
    assert "2 of" in caught.value.message
    assert "rows 3, 7" in caught.value.message
    assert "images/00003.dcm, images/00007.dcm" in caught.value.hint
    assert "00003" not in str(caught.value)  # what a tool would log names no file
    assert not (strict.root / "data").exists()
    assert not (strict.root / "data.dvc").exists()
    config["source"]["max_unreadable"] = 2
    lenient = make_installation(tmp_path / "lenient", config)
    result = ingest(load_use_case("phantom-cxr", lenient.settings), source, lenient.settings)
    assert [item["image"] for item in result.unreadable] == ["images/00003.dcm", "images/00007.dcm"]


def test_a_changed_byte_is_found_before_the_data_is_used(settings: Settings, use_case: UseCase, phantoms: Path) -> None:
    ingest(use_case, phantoms, settings)
    image = next((settings.data / "phantom-cxr" / "images").iterdir())
    content = bytearray(image.read_bytes())
    content[-10] ^= 1
    image.chmod(0o644)
    image.write_bytes(content)
    with pytest.raises(IntegrityError) as caught:
        versions.checked("phantom-cxr", settings)
    assert caught.value.code == "data_changed"
    assert ingest(use_case, phantoms, settings).changed


def test_class_folders_become_png_without_metadata(tmp_path: Path, phantoms: Path) -> None:
    """The Kermany layout, made of phantoms: SPLIT/LABEL/file.jpeg."""
    from PIL import Image

    from radloop.images.decode import decode

    source = tmp_path / "classes"
    with (phantoms / "manifest.csv").open(newline="") as stream:
        for number, row in enumerate(csv.DictReader(stream)):
            path = source / row["label"].upper() / f"person{number}_x.jpeg"
            path.parent.mkdir(parents=True, exist_ok=True)
            exif = Image.Exif()
            exif[0x010E] = "MRS JANE DOE"
            Image.fromarray(decode(phantoms / row["path"]).pixels).save(path, exif=exif)
    config = small_phantom_config()
    place = make_installation(tmp_path / "site", config).settings
    result = ingest(load_use_case("phantom-cxr", place), source, place)
    assert set(result.splits) == {"train", "tune", "calibrate", "test"}
    assert not any(b"DOE" in path.read_bytes() for path in (place.data / "phantom-cxr").rglob("*") if path.is_file())


def test_a_series_is_listed_by_position(tmp_path: Path) -> None:
    """Files named against the order of the slices, another image between them."""
    source = tmp_path / "classes" / "normal"
    source.mkdir(parents=True)
    plane = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "SeriesInstanceUID": "1.2.3", "Modality": "DX", "PatientID": "one"}
    for name, height in (("a", 9.0), ("b", 3.0), ("d", 6.0)):
        pixels = ramp(80, 80, 4000) + np.uint16(height)
        (source / f"{name}.dcm").write_bytes(make_dicom(pixels, ImagePositionPatient=[0, 0, height], **plane))
    (source / "c.dcm").write_bytes(make_dicom(ramp(80, 80, 4000), Modality="DX", PatientID="two"))
    place = make_installation(tmp_path / "site", small_phantom_config()).settings
    ingest(load_use_case("phantom-cxr", place), source.parent, place)
    frame = read_manifest(place.data / "phantom-cxr")
    positions = [None if position != position else position for position in frame["position"]]
    assert positions == [3.0, 6.0, None, 9.0]


def test_the_result_is_json(settings: Settings, use_case: UseCase, phantoms: Path) -> None:
    from dataclasses import asdict

    assert json.loads(json.dumps(asdict(ingest(use_case, phantoms, settings))))["images"] > 50
