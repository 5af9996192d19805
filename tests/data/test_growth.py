"""A source that grows: what is known is not decoded again, patients keep their split, erased ones stay away."""

from __future__ import annotations

import shutil
from pathlib import Path

from installations import Installation

from radloop.configuration import load_use_case
from radloop.data.ingest import ingest
from radloop.data.manifest import read_manifest
from radloop.data.pseudonym_key import pseudonym_key
from radloop.images.pseudonym import pseudonym
from radloop.records import erasures


def test_adding_keeps_what_is_there(tmp_path: Path, phantoms: Path, installation: Installation) -> None:
    settings = installation.settings
    use_case = load_use_case("phantom-cxr", settings)
    first, second = tmp_path / "one", tmp_path / "two"
    for place, rows in zip((first, second), (slice(0, 100), slice(100, None)), strict=True):
        shutil.copytree(phantoms, place)
        lines = (phantoms / "manifest.csv").read_text().splitlines()
        (place / "manifest.csv").write_text("\n".join([lines[0], *lines[1:][rows]]) + "\n")
    before = ingest(use_case, first, settings)
    grown = ingest(use_case, second, settings, add=True)
    frame = read_manifest(settings.data / "phantom-cxr")
    assert (before.images, grown.images, len(frame)) == (100, 120, 120)
    assert frame["id"].is_unique
    assert (frame.groupby("patient")["split"].nunique() == 1).all()
    assert all((settings.data / "phantom-cxr" / str(path)).is_file() for path in frame["path"])
    replaced = ingest(use_case, second, settings)  # without --add the data equals the source
    assert replaced.images == 20


def test_a_known_file_is_not_decoded_again_and_a_changed_one_is(
    tmp_path: Path, phantoms: Path, installation: Installation
) -> None:
    settings = installation.settings
    use_case = load_use_case("phantom-cxr", settings)
    source = tmp_path / "source"
    shutil.copytree(phantoms, source)
    assert ingest(use_case, source, settings).reused == 0
    assert ingest(use_case, source, settings).reused == 120
    changed = source / "images" / "00005.dcm"
    changed.write_bytes((source / "images" / "00006.dcm").read_bytes())
    again = ingest(use_case, source, settings)
    assert again.reused == 119
    assert again.changed
    # Touched where it is stored: it is not taken for good.
    frame = read_manifest(settings.data / "phantom-cxr")
    stored = settings.data / "phantom-cxr" / str(frame["path"][0])
    good = stored.read_bytes()
    stored.unlink()
    stored.write_bytes(good[:-1] + b"x")
    healed = ingest(use_case, source, settings)
    assert healed.reused == 119
    assert stored.read_bytes() == good


def test_an_erased_patient_does_not_come_back(phantoms: Path, installation: Installation) -> None:
    settings = installation.settings
    use_case = load_use_case("phantom-cxr", settings)
    ingest(use_case, phantoms, settings)
    frame = read_manifest(settings.data / "phantom-cxr")
    patient = str(frame["patient"][0])
    theirs = int((frame["patient"] == patient).sum())
    done = installation.json("erase", patient)
    assert patient not in str(done)
    result = ingest(use_case, phantoms, settings)
    assert result.erased == theirs
    assert patient not in set(read_manifest(settings.data / "phantom-cxr")["patient"])
    key = pseudonym_key(use_case, settings)
    assert erasures.keyed_hash(key, patient) in erasures.erased(settings)
    assert pseudonym(key, "someone else") != patient
