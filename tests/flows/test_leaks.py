"""Images on both sides of a split: refused, or dropped from training with the loop going on and the report saying how many."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from installations import SMALL_N, make_installation, small_phantom_config

from radloop import stages
from radloop.data.phantoms import Defect, write_phantoms


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source with near-duplicates of test images in train."""
    folder = tmp_path_factory.mktemp("leaking") / "source"
    write_phantoms(folder, n=SMALL_N, seed=3, plant=[Defect.NEAR_DUPLICATES])
    return folder


def test_refuse_names_the_rows_and_ends_with_3(tmp_path: Path, leaking: Path) -> None:
    site = make_installation(tmp_path / "site")
    brought = site.call("ingest", "phantom-cxr", "--source", str(leaking))
    assert brought["leaks"]
    assert {leak["kind"] for leak in brought["leaks"]} == {"near_duplicate"}
    assert all(len(leak["rows"]) >= 2 and len(leak["splits"]) >= 2 for leak in brought["leaks"])
    assert brought["dropped"] == 0
    judged = site.call("validate", "phantom-cxr", check=3)
    assert judged["leaks"] == brought["leaks"]
    assert any(brought["leaks"][0]["rows"][0] in sentence for sentence in judged["failed"])


def test_drop_refuses_a_test_image_that_an_accepted_version_trained_on(tmp_path: Path, leaking: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(leaking, source)
    config = small_phantom_config()
    config["leakage"] = {"policy": "drop"}
    site = make_installation(tmp_path / "site", config)
    site.call("ingest", "phantom-cxr", "--source", str(source))
    assert site.call("validate", "phantom-cxr")["success"]
    rows = list(csv.DictReader((source / "manifest.csv").open()))
    moved = next(row for row in rows if row["split"] == "train")
    moved |= {"patient": "SOMEONE-NEW", "split": "test"}
    with (source / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    brought = site.call("ingest", "phantom-cxr", "--source", str(source))
    standing = [leak for leak in brought["leaks"] if leak["stands"]]
    assert [leak["kind"] for leak in standing] == ["identical"]
    judged = site.call("validate", "phantom-cxr", check=3)
    assert [check["code"] for check in judged["checks"] if not check["success"] and check["level"] == "stop"] == [
        "leaks_standing"
    ]
    assert standing[0]["rows"][0] in judged["failed"][0]


def test_drop_goes_on_and_the_report_says_how_many(tmp_path: Path, leaking: Path) -> None:
    config = small_phantom_config()
    config["leakage"] = {"policy": "drop"}
    config["search"] |= {"trials": 1}
    site = make_installation(tmp_path / "site", config)
    work = stages.resume_work(stages.begin("phantom-cxr", leaking, stages.Budget(), site.settings), site.settings)
    document = [stages.run_stage(name, work) for name in stages.STAGES][-1]
    leaks = json.loads((site.root / "data" / "phantom-cxr" / "leaks.json").read_text())
    assert leaks["dropped"] > 0
    report = Path(document["report"]).read_text()
    assert f"{leaks['dropped']} images kept out of training" in report
    evidence = json.loads((Path(document["report"]).parent / "evidence.json").read_text())
    assert evidence["data"]["leaks"] == {
        "policy": "drop",
        "dropped": leaks["dropped"],
        "standing": 0,
        "findings": {"near_duplicate": len(leaks["leaks"])},
    }
    assert evidence["data"]["excluded"] == {"leak": leaks["dropped"]}
    used = sum(split["images"] for split in evidence["data"]["splits"].values())
    assert used == SMALL_N - leaks["dropped"]
    assert any("dropped" in sentence for sentence in evidence["data"]["validation"]["warnings"])
