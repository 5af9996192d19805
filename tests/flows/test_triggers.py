"""`radloop retrain --when-due`: the flow that begins what was asked for, once."""

from __future__ import annotations

import shutil
from pathlib import Path

from conftest import Loop
from installations import copy_installation

from radloop import stages
from radloop.records.retrains import retrains
from radloop.records.runs import locked


def test_new_data_begin_a_retrain_unless_another_process_is_at_it(loop: Loop, tmp_path: Path) -> None:
    site = copy_installation(loop.installation, tmp_path / "site")
    quiet = site.json("retrain", "phantom-cxr", "--when-due")
    assert (quiet["due"], quiet["because"], quiet["retrained"]) == (False, None, None)
    assert quiet["sentence"] == "nothing asks for a retrain" and retrains(site.settings, "phantom-cxr") == []

    shutil.rmtree(site.settings.bundles)  # now no bundle was made of these data
    with locked(stages.runs_folder("phantom-cxr", site.settings)):
        held = site.json("retrain", "phantom-cxr", "--when-due")
    assert (held["because"], held["waits"], held["retrained"]) == ("new_data", "busy", None)
    begun, ended = retrains(site.settings, "phantom-cxr")
    assert begun["data_version"] == loop.summary["data_version"] and begun["because"] == "new_data"
    assert (ended["kind"], ended["id"], ended["outcome"]) == ("ended", begun["id"], "busy")
