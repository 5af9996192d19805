"""Masks through ingest: stored, listed, kept, changed, pruned, refused and erased with their images."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import make_raster
from installations import make_installation, small_phantom_config

from radloop.configuration import load_use_case
from radloop.data.erasure import erase
from radloop.data.ingest import IngestResult, ingest
from radloop.data.manifest import read_manifest
from radloop.data.objects import Objects
from radloop.data.pseudonym_key import pseudonym_key
from radloop.errors import InputError
from radloop.images.pseudonym import pseudonym
from radloop.images.raster import read_raster
from radloop.settings import Settings

UC = "phantom-cxr"
SIDE = 80
N = 6


def located(**source: Any) -> dict[str, Any]:
    columns = {"patient": "patient", "split": "split", "mask": "outline", "boxes": "box"}
    words = {"splits": {"train": "train", "test": "test"}, "max_unreadable": 0}
    config = small_phantom_config(source={"columns": columns, **words, **source}, location={})
    for section in ("clinical", "severity", "fusion"):
        config.pop(section, None)
    return config


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_installation(tmp_path / "site", located()).settings


def picture(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 255, (SIDE, SIDE + number), np.uint8)


def inside(number: int) -> np.ndarray:
    """Return the outline of an image, bool [rows, columns]."""
    found = np.zeros((SIDE, SIDE + number), np.bool_)
    found[10 : 20 + number, 30:50] = True
    return found


def write_source(folder: Path, rows: range = range(N), **cells: dict[int, str]) -> Path:
    """Write images 0, 1 (normal, no mask), 2, 3 (an outline), 4 (a box), 5 (its finding nobody outlined)."""
    table = []
    folder.mkdir(exist_ok=True)
    for number in rows:
        (folder / f"i{number}.png").write_bytes(make_raster(picture(number)))
        outline = f"m{number}.png" if number in (2, 3) else ""
        if outline:
            (folder / outline).write_bytes(make_raster(inside(number).astype(np.uint8) * np.uint8(255)))
        row = {"path": f"i{number}.png", "label": "normal" if number < 2 else "opacity", "patient": f"p{number // 2}"}
        row |= {"split": "test" if number > 3 else "train", "outline": outline, "box": "30,10,50,24" if number == 4 else ""}
        table.append(row | {name: values[number] for name, values in cells.items() if number in values})
    with (folder / "manifest.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, table[0])
        writer.writeheader()
        writer.writerows(table)
    return folder


def brought(source: Path, settings: Settings, *, add: bool = False) -> IngestResult:
    return ingest(load_use_case(UC, settings), source, settings, add=add)


def masks(settings: Settings) -> list[str | None]:
    return list(read_manifest(settings.data / UC)["mask"])


def stored(settings: Settings) -> set[str]:
    return {f"masks/{path.name}" for path in (settings.data / UC / "masks").iterdir()}


def test_masks_are_stored_at_the_size_of_their_images(tmp_path: Path, settings: Settings) -> None:
    brought(write_source(tmp_path / "source"), settings)
    frame = read_manifest(settings.data / UC)
    assert [path is not None for path in frame["mask"]] == [False, False, True, True, True, False]
    for number in (2, 3, 4):
        pixels, header = read_raster(settings.data / UC / frame["mask"][number])
        assert pixels.dtype == np.uint8
        assert header.bits == 8
        assert (pixels == np.where(inside(number), 255, 0)).all()
        assert frame["mask"][number] == f"masks/{Path(frame['mask'][number]).stem}.png"
        assert len(Path(frame["mask"][number]).stem) == 16
    assert stored(settings) == set(frame["mask"].dropna())


def test_without_a_location_nothing_of_masks_is_kept(tmp_path: Path) -> None:
    config = located()
    del config["location"]
    place = make_installation(tmp_path / "plain", config).settings
    brought(write_source(tmp_path / "source"), place)
    assert "mask" not in read_manifest(place.data / UC)
    assert not (place.data / UC / "masks").exists()


def test_the_same_again_changes_nothing_and_decodes_nothing(tmp_path: Path, settings: Settings) -> None:
    source = write_source(tmp_path / "source")
    first = brought(source, settings)
    again = brought(source, settings)
    assert (again.changed, again.reused, again.data_version) == (False, N, first.data_version)
    other = make_installation(tmp_path / "other", located()).settings
    brought(source, other)
    assert masks(other) == masks(settings)


def test_another_outline_is_another_version_and_the_old_file_goes(tmp_path: Path, settings: Settings) -> None:
    source = write_source(tmp_path / "source")
    first, before = brought(source, settings), masks(settings)
    (source / "m2.png").write_bytes(make_raster((~inside(2)).astype(np.uint8) * np.uint8(255)))
    second, after = brought(source, settings), masks(settings)
    assert second.reused == N - 1
    assert second.data_version != first.data_version
    assert [number for number in range(N) if before[number] != after[number]] == [2]
    assert stored(settings) == {path for path in after if path}
    # And back: what is in DVC's cache has the same name and bytes.
    (source / "m2.png").write_bytes(make_raster(inside(2).astype(np.uint8) * np.uint8(255)))
    assert brought(source, settings).data_version == first.data_version


def test_a_mask_that_was_touched_where_it_is_stored_is_made_again(tmp_path: Path, settings: Settings) -> None:
    source = write_source(tmp_path / "source")
    first = brought(source, settings)
    path = settings.data / UC / str(masks(settings)[3])
    good = path.read_bytes()
    path.unlink()
    path.write_bytes(good[:-1] + b"x")
    healed = brought(source, settings)
    assert (healed.reused, healed.data_version, path.read_bytes()) == (N - 1, first.data_version, good)


def test_adding_keeps_the_masks_that_are_there(tmp_path: Path, settings: Settings) -> None:
    brought(write_source(tmp_path / "one", range(4)), settings)
    before = masks(settings)
    brought(write_source(tmp_path / "two", range(4, N)), settings, add=True)
    assert masks(settings)[:4] == before
    assert masks(settings)[4] is not None
    assert stored(settings) == {path for path in masks(settings) if path}
    brought(tmp_path / "two", settings)  # without it the data equals the source
    assert len(stored(settings)) == 1


def test_a_mask_of_another_aspect_is_refused_by_its_row(tmp_path: Path, settings: Settings) -> None:
    source = write_source(tmp_path / "source")
    (source / "m3.png").write_bytes(make_raster(np.full((SIDE, 2 * SIDE), 255, np.uint8)))
    with pytest.raises(InputError, match="1 of 6 images cannot be read, 0 are allowed: rows 4"):
        brought(source, settings)
    lenient = make_installation(tmp_path / "lenient", located(max_unreadable=1)).settings
    result = brought(source, lenient)
    assert [(item["row"], item["code"]) for item in result.unreadable] == [(4, "mask_aspect")]
    assert "m3" not in str(result.unreadable)
    assert (result.images, len(stored(lenient))) == (N - 1, 2)


def test_an_erased_patients_masks_go_from_folder_cache_and_remote(tmp_path: Path, settings: Settings) -> None:
    # Image 4 has the box of image 2's outline and its size: one stored mask for two patients.
    brought(write_source(tmp_path / "source", box={1: "30,10,51,20", 4: "30,10,50,24", 5: "31,10,50,24"}), settings)
    frame = read_manifest(settings.data / UC)
    key = pseudonym_key(load_use_case(UC, settings), settings)
    gone = pseudonym(key, "p2")
    theirs = frame[frame["patient"] == gone]
    paths = {*theirs["path"], *theirs["mask"]}
    assert len(paths) == 4
    contents = {(settings.data / UC / path).read_bytes() for path in paths}
    assert erase(gone, [UC], key, settings) is not None
    left = read_manifest(settings.data / UC)
    assert gone not in set(left["patient"])
    assert stored(settings) == set(left["mask"].dropna())
    assert not any((settings.data / UC / path).exists() for path in paths)
    everywhere = [settings.data, settings.place / "dvc" / "cache", settings.place / "dvc" / "remote"]
    assert not contents & {path.read_bytes() for place in everywhere for path in place.rglob("*") if path.is_file()}
    assert all("masks/" in name or name in left["path"].to_list() for name in _images(settings))


def _images(settings: Settings) -> list[str]:
    (version,) = (name for name, _ in Objects(settings).data_versions())
    return [name for name in Objects(settings).listing(version) if name.endswith(".png")]


def test_a_mask_that_two_patients_share_stays_for_the_other(tmp_path: Path, settings: Settings) -> None:
    source = write_source(tmp_path / "source")
    same = picture(2)  # of one size, so that equal boxes are equal masks
    for number in (2, 4):
        (source / f"i{number}.png").write_bytes(make_raster(same + np.uint8(number)))
    lines = (source / "manifest.csv").read_text().replace("m2.png,", ',"30,10,50,24"')
    (source / "manifest.csv").write_text(lines)
    brought(source, settings)
    first, second = masks(settings)[2], masks(settings)[4]
    assert first == second is not None
    key = pseudonym_key(load_use_case(UC, settings), settings)
    erase(pseudonym(key, "p2"), [UC], key, settings)
    assert (settings.data / UC / str(first)).is_file()
    assert first in masks(settings)
