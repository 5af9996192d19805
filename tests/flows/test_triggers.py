"""`radloop retrain --when-due`: the flow that begins what was asked for, once."""

from __future__ import annotations

import shutil
from pathlib import Path

from conftest import Loop
from installations import copy_installation

from radloop import stages
from radloop.monitoring import triggers
from radloop.records.retrains import retrains
from radloop.records.runs import locked


def test_new_data_begin_a_retrain_unless_another_process_is_at_it(loop: Loop, tmp_path: Path) -> None:
    site = copy_installation(loop.installation, tmp_path / "site")
    assert triggers.due("phantom-cxr", site.settings).sentence == "nothing asks for a retrain"
    shutil.rmtree(site.settings.bundles)  # now no bundle was made of these data
    with locked(stages.runs_folder("phantom-cxr", site.settings)):
        held = site.json("retrain", "phantom-cxr", "--when-due")
    assert (held["because"], held["waits"], held["retrained"]) == ("new_data", "busy", None)
    begun, ended = retrains(site.settings, "phantom-cxr")
    assert begun["data_version"] == loop.summary["data_version"] and begun["because"] == "new_data"
    assert (ended["kind"], ended["id"], ended["outcome"]) == ("ended", begun["id"], "busy")
