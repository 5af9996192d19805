"""Ingest killed anywhere: the same command gives the version of an uninterrupted one, and nothing half-written is left."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from installations import Installation, make_installation

from radloop.configuration import load_use_case
from radloop.data import ingest as module
from radloop.data import versions
from radloop.data.ingest import IngestResult, ingest
from radloop.data.manifest import read_manifest


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, phantoms: Path) -> IngestResult:
    settings = make_installation(tmp_path_factory.mktemp("whole") / "site").settings
    return ingest(load_use_case("phantom-cxr", settings), phantoms, settings)


def check_whole(site: Installation, whole: IngestResult, result: IngestResult) -> None:
    settings = site.settings
    assert result.data_version == whole.data_version
    assert versions.checked("phantom-cxr", settings).version == whole.data_version
    assert [path.name for path in settings.data.iterdir()] == ["phantom-cxr"]
    assert sorted(path.name for path in (settings.place / "ingest" / "phantom-cxr").iterdir() if path.is_dir()) == []
    frame = read_manifest(settings.data / "phantom-cxr")
    assert {f"images/{path.name}" for path in (settings.data / "phantom-cxr" / "images").iterdir()} == set(frame["path"])


@pytest.mark.parametrize(("line", "wait"), [("ingest 36/120", 0.0), ("ingest 120/120", 0.0), ("ingest 120/120", 1.5)])
def test_killed_at_any_moment(tmp_path: Path, phantoms: Path, whole: IngestResult, line: str, wait: float) -> None:
    site = make_installation(tmp_path / "site")
    process = site.start("ingest", "phantom-cxr", "--source", str(phantoms))
    assert process.stderr is not None
    for text in process.stderr:
        if line in text:
            break
    time.sleep(wait)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    result = ingest(load_use_case("phantom-cxr", site.settings), phantoms, site.settings)
    assert result.images == 120
    check_whole(site, whole, result)
    if line == "ingest 120/120":
        assert result.reused > 0


@pytest.mark.parametrize("step", range(4))
def test_stopped_between_two_renames(
    tmp_path: Path, phantoms: Path, whole: IngestResult, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new folder takes the old one's place in four steps; a stop before any of them loses neither."""
    site = make_installation(tmp_path / "site")
    use_case = load_use_case("phantom-cxr", site.settings)
    smaller = tmp_path / "smaller"
    shutil.copytree(phantoms, smaller)
    lines = (smaller / "manifest.csv").read_text().splitlines(keepends=True)
    (smaller / "manifest.csv").write_text("".join(lines[:-3]))
    ingest(use_case, smaller, site.settings)
    before = read_manifest(site.settings.data / "phantom-cxr")
    steps = iter(range(4))

    def stopping(move: object) -> object:
        def stopped(*arguments: object, **more: object) -> object:
            if next(steps) == step:
                raise KeyboardInterrupt
            return move(*arguments, **more)  # type: ignore[operator]

        return stopped

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module.shutil, "move", stopping(shutil.move))
        patch.setattr(Path, "rename", stopping(Path.rename))
        patch.setattr(module.versions, "pin", stopping(module.versions.pin))
        ingest(use_case, phantoms, site.settings)
    present = site.settings.data / "phantom-cxr"
    if present.exists():
        assert len(read_manifest(present)) in (len(before), 120)
    check_whole(site, whole, ingest(use_case, phantoms, site.settings))
