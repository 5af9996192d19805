"""From labels that came back to a source that ingest reads."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from radloop.configuration import load_use_case
from radloop.data.sources import read_source
from radloop.inference.recorded import file_hash
from radloop.records.secret import secret
from tests.image_files import make_dicom, make_raster, ramp
from tests.monitoring.conftest import OWN, Watched


def sent(watched: Watched, files: Path, contents: dict[str, bytes]) -> dict[str, str]:
    """Write files, record an answer about each, and return the requests by file."""
    key = secret("record", watched.installation.settings)
    names = {}
    for name, content in contents.items():
        path = files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        (names[name],) = watched.record(OWN.draw(1, np.random.default_rng(len(names))), file=file_hash(key, content), sex="F")
    return names


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "files"


def test_labelled_files_are_found_by_their_hash_and_read_by_ingest(watched: Watched, files: Path, tmp_path: Path) -> None:
    site, out = watched.installation, tmp_path / "out"
    names = sent(
        watched,
        files,
        {
            "a/Doe_Jane.dcm": make_dicom(ramp(32, 32, 4095)),
            "a/two.png": make_raster(ramp(32, 32, 255, np.uint8)),
            "b/three.png": make_raster(ramp(32, 40, 255, np.uint8)),
            "b/nobody-labelled.png": make_raster(ramp(40, 32, 255, np.uint8)),
        },
    )
    (files / "b" / "copy.png").write_bytes((files / "b" / "three.png").read_bytes())
    watched.label([names["a/Doe_Jane.dcm"], names["a/two.png"]], ["tuberculosis", "normal"])
    watched.label([names["b/three.png"]] * 2, ["normal", "tuberculosis"], reader="Ito")
    watched.label([names["b/three.png"]], ["normal"], reader="Roe", minute=1)  # contradicts: nothing stands
    found = site.call("labelled", "tb-cxr", "--files", str(files), "--out", str(out))
    assert {name: found[name] for name in ("labelled", "images", "files", "contradicted", "without_patient")} == {
        "labelled": 2,
        "images": 2,
        "files": 5,
        "contradicted": 0,
        "without_patient": 1,
    }
    rows = {row.name: row for row in read_source(out, load_use_case("tb-cxr", site.settings))}
    dicom = rows[f"images/{names['a/Doe_Jane.dcm']}.dcm"]
    assert (dicom.label, dicom.patient, dicom.split, dicom.sex) == ("tuberculosis", "MRN-0042", None, "F")
    assert rows[f"images/{names['a/two.png']}.png"].label == "normal"
    assert site.call("labelled", "tb-cxr", "--files", str(files), "--out", str(out), check=2)["error"]["code"] == (
        "folder_not_empty"
    )


@pytest.mark.parametrize("place", ["", "second/"])
def test_what_a_table_says_of_a_file_is_kept_but_its_label_and_split(
    watched: Watched, files: Path, tmp_path: Path, place: str
) -> None:
    names = sent(watched, files, {f"{place}x.png": make_raster(ramp(32, 32, 255, np.uint8))})
    (files / place / "manifest.csv").write_text("path,label,patient_id,split,sex,age\nx.png,normal,17,test,M,63\n")
    watched.label([names[f"{place}x.png"]], ["tuberculosis"])
    out = tmp_path / "out"
    assert watched.installation.call("labelled", "tb-cxr", "--files", str(files), "--out", str(out))["without_patient"] == 0
    with (out / "manifest.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert row == {
        "path": f"images/{names[f'{place}x.png']}.png",
        "label": "tuberculosis",
        "patient_id": "17",
        "split": "",
        "sex": "M",
        "age": "63",
    }


def test_the_work_list_says_where_the_images_lie(watched: Watched, files: Path, tmp_path: Path) -> None:
    names = sent(watched, files, {"x.png": make_raster(ramp(32, 32, 255, np.uint8))})
    elsewhere = watched.record(OWN.draw(1, np.random.default_rng(9)))
    out = tmp_path / "queue.csv"
    assert watched.installation.call("queue", "tb-cxr", "--out", str(out), "--files", str(files))["located"] == 1
    with out.open(newline="") as stream:
        paths = {row["request_id"]: row["path"] for row in csv.DictReader(stream)}
    assert paths == {names["x.png"]: str(files / "x.png"), elsewhere[0]: ""}


def test_two_answers_about_one_file_with_other_labels_leave_it_out(watched: Watched, files: Path, tmp_path: Path) -> None:
    image = make_raster(ramp(32, 32, 255, np.uint8))
    names = [*sent(watched, files, {"x.png": image}).values(), *sent(watched, files, {"x.png": image}).values()]
    watched.label(names, ["tuberculosis", "normal"])
    out = tmp_path / "out"
    found = watched.installation.call("labelled", "tb-cxr", "--files", str(files), "--out", str(out))
    assert (found["labelled"], found["images"], found["contradicted"]) == (2, 0, 1) and not out.exists()
