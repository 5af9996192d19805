"""Retention: what goes is named first, and nothing goes that a decision, the service or a recorded answer needs."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import Loop
from installations import Installation, copy_installation

from radloop.governance.deployment import deploy
from radloop.governance.registry import Registry
from radloop.governance.retention import retention_file, sweep
from radloop.governance.review import bundle_folder, decide_on
from radloop.inference.bundle import CONTENT, EVIDENCE
from radloop.records import chain
from radloop.records.answers import AnswerRecord, answers_folder, check_segments, find, shadow_folder
from radloop.records.runs import locked
from radloop.settings import Settings

DAY = 86_400.0


@pytest.fixture
def site(loop: Loop, tmp_path: Path) -> Installation:
    """A copy of the loop's installation, so that a test may change it."""
    return copy_installation(loop.installation, tmp_path / "site")


@pytest.fixture
def settings(site: Installation) -> Settings:
    return site.settings


def kinds(settings: Settings, later: float = 0.0, *, delete: bool = False) -> list[str]:
    return sorted(item.kind for item in sweep(settings, delete=delete, now=time.time() + later).items)


def everything(settings: Settings) -> dict[str, int]:
    return {
        str(path): path.stat().st_size for path in settings.place.rglob("*") if path.is_file() and "mlflow.db" not in path.name
    }


def test_checkpoints_go_when_asked_and_the_loop_does_not_miss_them(site: Installation, settings: Settings) -> None:
    before = everything(settings)
    listed = site.call("gc")
    assert {item["kind"] for item in listed["items"]} == {"checkpoints"}
    assert listed["bytes"] == sum(item["bytes"] for item in listed["items"]) > 1_000_000
    assert not listed["done"]
    assert everything(settings) == before

    removed = site.call("gc", "--yes")
    assert removed["items"] == listed["items"]
    assert not any((settings.place / item["name"]).exists() for item in listed["items"])
    assert site.call("gc", "--yes")["items"] == []
    (entry,) = chain.read(retention_file(settings))
    assert entry["payload"]["items"] == listed["items"]

    decide_on("phantom-cxr", 1, "approve", "Dr. A. Reader", "read the report", settings)
    assert deploy("phantom-cxr", settings).version == 1
    assert site.call("trace", "phantom-cxr@champion")["intact"]


def test_pixels_and_old_bentos_go_and_come_back(settings: Settings) -> None:
    assert "pixels" not in kinds(settings, 13 * DAY)
    assert "pixels" in kinds(settings, 15 * DAY)
    decide_on("phantom-cxr", 1, "approve", "Dr. A. Reader", "read the report", settings)
    built = settings.place / "bentoml" / "bentos" / "radloop-service"
    deploy("phantom-cxr", settings)
    (newest,) = (path for path in built.iterdir() if path.is_dir())
    older = newest.with_name(f"{newest.name.partition('-')[0]}-00000000")
    shutil.copytree(newest, older)
    os.utime(older, (1, 1))
    assert "bento" not in kinds(settings)
    assert kinds(settings, 15 * DAY, delete=True).count("bento") == 1
    assert newest.is_dir()
    assert not older.exists()


def test_a_rejected_network_goes_after_its_time_and_its_evidence_stays(settings: Settings) -> None:
    registry = Registry("phantom-cxr", settings)
    assert "bundle" not in kinds(settings, 400 * DAY)  # a candidate may still be approved
    registry.tag(1, {"radloop.verdict": "rejected"})
    folder = bundle_folder(registry.version(1), settings)
    assert "bundle" not in kinds(settings, 89 * DAY)
    assert "bundle" in kinds(settings, 91 * DAY, delete=True)
    assert not (folder / CONTENT).exists()
    assert (folder / EVIDENCE).is_file()


def test_an_approved_network_stays_whatever_its_tag_says(settings: Settings) -> None:
    decide_on("phantom-cxr", 1, "approve", "Dr. A. Reader", "read the report", settings)
    Registry("phantom-cxr", settings).tag(1, {"radloop.verdict": "rejected"})
    assert "bundle" not in kinds(settings, 400 * DAY)


def test_unfinished_runs_go_when_nobody_went_on_with_them(settings: Settings) -> None:
    (run,) = (settings.place / "runs" / "phantom-cxr").glob("*-001")
    (run / "finished.json").unlink()
    assert kinds(settings, 29 * DAY).count("checkpoints") == 0
    assert "run" in kinds(settings, 31 * DAY, delete=True)
    assert not run.exists()


def test_a_use_case_at_work_is_left_alone(settings: Settings) -> None:
    with locked(settings.place / "runs" / "phantom-cxr"):
        swept = sweep(settings, delete=True)
    assert swept.items == ()
    assert "phantom-cxr" in swept.kept


def test_a_stopped_sweep_is_ended_by_the_next(settings: Settings) -> None:
    (run,) = (settings.place / "runs" / "phantom-cxr").glob("*-001")
    trial = next(run.glob("trial-*"))
    trial.rename(run / f".gone-{trial.name}")
    left = settings.bundles / "phantom-cxr" / ".staging-x"
    left.mkdir()
    kinds(settings, 2 * DAY, delete=True)
    assert not list(run.glob(".gone-*"))
    assert not left.exists()


@pytest.mark.parametrize("place", [answers_folder, shadow_folder])
def test_old_answers_are_blanked_and_the_chain_verifies(settings: Settings, place: Callable[[Settings], Path]) -> None:
    folder = place(settings)
    record = AnswerRecord(folder)
    old, new = (datetime.now(UTC) - timedelta(days=days) for days in (31, 29))
    for name, moment in (("old", old), ("new", new)):
        record.append({"kind": "answer", "request_id": name, "time": moment.isoformat()})
    record.close()
    held = check_segments(folder)
    segment = next(folder.glob("*.jsonl"))
    segment.rename(segment.with_name(f"{old:%Y%m%dT%H%M%S.%fZ}-aa.jsonl"))
    assert "answers" not in kinds(settings, delete=True)  # without a setting they are kept for ever
    limited = settings.model_copy(update={"record_days": 30})
    (item,) = (item for item in sweep(limited, delete=True).items if item.kind == "answers")
    assert item.bytes == 1
    assert find("old", folder) is None
    assert find("new", folder) is not None
    assert check_segments(folder) == held
