"""The folder is complete or absent, reproducible, and consistent."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import pytest
from pydicom import dcmread

from radloop.data.phantoms import DEFAULT_N, Defect, write_phantoms
from radloop.data.phantoms.cohort import SMALLEST


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def digest(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantoms") / "clean"
    write_phantoms(folder, n=54)
    return folder


def test_the_manifest_describes_the_files(clean: Path) -> None:
    table = rows(clean)
    assert list(table[0]) == ["path", "patient", "label", "extent", "site", "split", "temperature"]
    assert [row["path"] for row in table] == sorted(path.relative_to(clean).as_posix() for path in clean.glob("images/*.dcm"))
    assert len(table) == 54
    for row in table:
        header = dcmread(clean / row["path"], stop_before_pixels=True)
        assert (header.PatientID, header.ImageComments) == (row["patient"], row["label"])
        assert header.InstitutionName.endswith(row["site"])
        assert (float(row["extent"]) > 0) == (row["label"] == "opacity")
    assert {row["split"] for row in table} == {"train", "tune", "calibrate", "test"}
    readme = (clean / "README.txt").read_text(encoding="utf-8")
    assert "Synthetic" in readme
    assert "planted defects: none" in readme


def test_the_bytes_are_the_same_on_every_machine(tmp_path: Path) -> None:
    write_phantoms(tmp_path / "a", n=SMALLEST)
    assert digest(tmp_path / "a") == "a9f5953ba022697c7dbc12796b437c8da2bdaa8eb84836cfb804595209b3d35b"


def test_images_do_not_depend_on_how_many_follow(clean: Path, tmp_path: Path) -> None:
    write_phantoms(tmp_path / "small", n=SMALLEST)
    for path in (tmp_path / "small").glob("images/*.dcm"):
        assert path.read_bytes() == (clean / "images" / path.name).read_bytes()
    assert rows(tmp_path / "small") == rows(clean)[:SMALLEST]


def test_a_defect_changes_only_the_files_it_must(clean: Path, tmp_path: Path) -> None:
    def changed(*defects: Defect) -> set[str]:
        folder = tmp_path / "-".join(defects)
        write_phantoms(folder, n=54, plant=defects)
        assert f"planted defects: {', '.join(defects)}" in (folder / "README.txt").read_text(encoding="utf-8")
        return {row["path"] for row in rows(clean) if (folder / row["path"]).read_bytes() != (clean / row["path"]).read_bytes()}

    table = {row["path"]: row for row in rows(clean)}
    assert changed(Defect.CORNER_MARKER) == {path for path, row in table.items() if row["label"] == "opacity"}
    assert changed(Defect.PATIENT_IN_TWO_SPLITS) == set()
    assert {table[path]["split"] for path in changed(Defect.NEAR_DUPLICATES)} == {"test"}
    noisy = changed(Defect.SUBGROUP_LABEL_NOISE)
    assert {(table[path]["split"], table[path]["label"]) for path in noisy} == {("train", "opacity")}
    for path in noisy:
        wrong = dcmread(tmp_path / Defect.SUBGROUP_LABEL_NOISE / path)
        assert wrong.ImageComments == "normal"
        assert (wrong.pixel_array == dcmread(clean / path).pixel_array).all()


def test_label_noise_leaves_no_trace_in_the_extent(tmp_path: Path) -> None:
    write_phantoms(tmp_path / "noisy", n=SMALLEST, plant=[Defect.SUBGROUP_LABEL_NOISE])
    assert all((float(row["extent"]) > 0) == (row["label"] == "opacity") for row in rows(tmp_path / "noisy"))


def test_progress_counts_images(tmp_path: Path) -> None:
    counts: list[int] = []
    write_phantoms(tmp_path / "a", n=SMALLEST, progress=counts.append)
    assert counts == list(range(1, SMALLEST + 1))


def test_a_stop_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    def stop(count: int) -> None:
        if count == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_phantoms(tmp_path / "a", n=SMALLEST, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_filled_and_a_full_one_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    write_phantoms(tmp_path / "a", n=SMALLEST)
    before = digest(tmp_path / "a")
    with pytest.raises(FileExistsError, match="not an empty folder"):
        write_phantoms(tmp_path / "a", n=SMALLEST, seed=1)
    assert digest(tmp_path / "a") == before
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        write_phantoms(tmp_path / "file", n=SMALLEST)


@pytest.mark.parametrize(("n", "seed"), [(SMALLEST - 1, 1), (-5, 1), (SMALLEST, -1), (SMALLEST, 2**64)])
def test_what_cannot_be_drawn_is_refused_before_anything_is_written(tmp_path: Path, n: int, seed: int) -> None:
    with pytest.raises(ValueError, match=r"^(n|seed) is"):
        write_phantoms(tmp_path / "a", n=n, seed=seed)
    assert list(tmp_path.iterdir()) == []


def test_the_default_has_whole_rounds_of_blocks() -> None:
    # Four blocks of 27 images balance labels and sexes; 60 to 15 percent of 864 give a test split worth judging on.
    assert DEFAULT_N % 108 == 0
