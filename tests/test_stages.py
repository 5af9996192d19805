"""The stages of the loop: what they refuse before they spend anybody's time."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from installations import make_installation, small_phantom_config

from radloop import stages
from radloop.configuration import load_use_case
from radloop.data.versions import DataVersion
from radloop.errors import ToolError
from radloop.records.runs import open_run
from radloop.stages import Work


def test_an_engine_that_is_not_installed_is_told_before_images_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = make_installation(tmp_path, small_phantom_config() | {"serving": {"engine": "onnxruntime"}}).settings
    use_case = load_use_case("phantom-cxr", settings)
    work = Work(use_case, DataVersion("nothing is read.dir", {}), open_run(tmp_path / "runs", {"seed": 1}), settings)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ToolError, match="not installed") as caught:
        stages.search(work)
    assert caught.value.code == "incomplete_installation" and "radloop[onnxruntime]" in caught.value.hint
