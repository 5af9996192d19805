"""Names and numbers planted wherever a source can hold one appear nowhere after the whole loop."""

from __future__ import annotations

import csv
import lzma
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from canaries import CANARY, plant_canaries
from installations import Installation, make_installation, small_phantom_config


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory, phantoms: Path) -> Path:
    """A source full of canaries: folder and file names, the CSV's cells, and every kind of DICOM element."""
    root = tmp_path_factory.mktemp("planted") / f"{CANARY}SOURCE of J Doe"
    with (phantoms / "manifest.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    places: set[str] = set()
    for number, row in enumerate(rows):
        name = f"{CANARY}FOLDER Doe Jane/{CANARY}FILE {number:04d}.dcm"
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        dataset = pydicom.dcmread(phantoms / row["path"])
        places |= plant_canaries(dataset)
        dataset.save_as(target)
        row |= {"path": name, "patient": f"{CANARY}PATIENT {row['patient']}", "site": f"{CANARY}SITE {row['site']}"}
        row |= {"notes": f"{CANARY}NOTES 44-1234567", "age": f"{CANARY}AGE", "temperature": f"{CANARY}TEMPERATURE"}
        row |= {
            "phone": f"{CANARY}PHONE",
            "view": f"{CANARY}VIEW",
            "device": f"{CANARY}DEVICE",
            "group": f"{CANARY}GROUP {row['split']} {row['patient'][-6:]}",
        }
    (root / f"{CANARY}BROKEN.dcm").write_bytes((root / rows[0]["path"]).read_bytes()[:900])
    with (root / "manifest.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows([*rows, rows[0] | {"path": f"{CANARY}BROKEN.dcm"}])
    assert len(places) + 11 >= 60, sorted(places)  # 11 in names and cells
    return root


def contents(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes, and what they unpack to."""
    content = path.read_bytes()
    yield content
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    for unpack in (zlib.decompress, lambda packed: zlib.decompress(packed, 31), lzma.decompress):
        try:
            yield unpack(content)
        except (zlib.error, lzma.LZMAError):
            continue


def holding(root: Path) -> list[str]:
    """Return the files below a folder whose name or content holds a canary."""
    spellings = [CANARY.encode(), CANARY.lower().encode(), CANARY.encode("utf-16-le"), CANARY.encode("utf-16-be")]
    found = []
    for path in root.rglob("*"):
        if CANARY.lower() in path.name.lower() or (
            path.is_file() and any(word in content for content in contents(path) for word in spellings)
        ):
            found.append(str(path))
    return found


def test_no_canary_survives_the_loop(
    tmp_path: Path, planted: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    config = small_phantom_config()
    config["source"] = config["source"] | {"max_unreadable": 1}
    config["source"]["columns"] = config["source"]["columns"] | {
        "age": "age",
        "view": "view",
        "device": "device",
        "group": "group",
    }
    config["clinical"] = {"temperature": {"column": "temperature", "unit": "Cel", "low": 30.0, "high": 45.0}}
    config["validation"] |= {"sites": [], "views": []}
    site: Installation = make_installation(tmp_path / "site", config)
    assert holding(planted)  # the search finds what is there
    done = site.call("retrain", "phantom-cxr", "--source", str(planted))
    assert done["verdict"] == "passed"
    explored = site.call("explore", "phantom-cxr")
    assert holding(site.root) == []
    said = capfd.readouterr()
    for text in (str(done), str(explored), said.out, said.err, caplog.text):
        assert CANARY.lower() not in text.lower()


def test_no_canary_is_in_an_error(
    tmp_path: Path, planted: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    site = make_installation(tmp_path / "site")
    broken = tmp_path / "broken"
    shutil.copytree(planted, broken)
    for path in sorted(broken.rglob("*.dcm"))[:12]:
        path.write_bytes(path.read_bytes()[:700])
    answer = site.call("retrain", "phantom-cxr", "--source", str(broken), check=2)
    assert holding(site.root) == []
    said = capfd.readouterr()
    assert "cannot be read" in answer["error"]["message"]
    for text in (said.out, said.err, caplog.text):  # the answer itself names the files, to whoever named the folder
        assert CANARY.lower() not in text.lower()
