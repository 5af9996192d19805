"""A bundle judged while a champion is served: both members of the evidence, and what the gate makes of them."""

from __future__ import annotations

from pathlib import Path

from conftest import Loop
from installations import copy_installation

from radloop import stages
from radloop.governance.gate import decide
from radloop.governance.registry import Registry
from radloop.governance.review import bundle_folder, decide_on
from radloop.inference.pointer import Pointer, replace_pointer
from radloop.records.seal import read_sealed
from tests.governance.documents import policy

RULES = policy(
    {"kind": "leakage", "name": "leakage"},
    # Of seventeen images that agree, a few of the next may not.
    {"kind": "non_inferiority", "name": "auroc_kept", "metric": "auroc", "margin": 0.5},
    {"kind": "score_shift", "name": "threshold", "max_flips": 0, "min_sensitivity": -0.5, "min_specificity": -0.5},
    {"kind": "permitted_changes", "name": "plan"},
)


def test_a_bundle_beside_itself_is_level_in_every_draw(loop: Loop, tmp_path: Path) -> None:
    site = copy_installation(loop.installation, tmp_path / "site")
    version = Registry("phantom-cxr", site.settings).version(1)
    decide_on("phantom-cxr", 1, "approve", "Dr. A. Reader", "read the report", site.settings)
    replace_pointer(site.settings.bundles, Pointer(use_case="phantom-cxr", bundle=version.bundle, version=1))
    ticket = {"use_case": "phantom-cxr", "budget": {}, "data_version": loop.summary["data_version"], "run": version.run}
    stages.evaluate(stages.resume_work(ticket, site.settings))
    evidence = read_sealed(bundle_folder(version, site.settings) / "evidence.json", "evidence")
    champion = evidence["champion"]
    assert (champion["version"], champion["bundle"], champion["shift"]["flips"]) == (1, version.bundle, 0.0)
    assert champion["champion"] == evidence["metrics"]
    assert {interval["value"] for interval in champion["difference"].values()} == {0.0}
    assert all(interval["low"] < 0 < interval["high"] for interval in champion["difference"].values())
    assert champion["thresholds"]["candidate"] == evidence["bundle"]["thresholds"]
    assert evidence["changes"]["changed"] == {}
    verdict = decide(evidence, RULES)
    assert [(reason.rule, reason.status) for reason in verdict.reasons] == [
        (name, "passed") for name in ("leakage", "auroc_kept", "threshold", "plan")
    ]
