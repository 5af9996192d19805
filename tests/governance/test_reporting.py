"""The report of a judged version: beside its bundle, in MLflow, on paper."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Loop
from installations import Installation, copy_installation

from radloop.governance.registry import Registry
from radloop.governance.review import decide_on
from radloop.governance.version_page import MOST
from radloop.training.tracking import Tracker

UC = "phantom-cxr"


@pytest.fixture
def site(loop: Loop, tmp_path: Path) -> Installation:
    """A copy of the loop's installation, so that a test may decide."""
    return copy_installation(loop.installation, tmp_path / "site")


def test_a_loop_leaves_report_facts_and_figures_in_mlflow(loop: Loop) -> None:
    settings = loop.installation.settings
    place = Path(loop.summary["report"]).parent
    evidence = json.loads((place / "evidence.json").read_text())
    assert {"decision.png", "roc.png"} <= set(evidence["figures"])
    assert len(evidence["net_benefit"]["thresholds"]) == 9
    assert set(evidence["without_clinical"]["delong"]) == {"difference", "low", "high", "p"}
    assert "readers" not in evidence
    version = Registry(UC, settings).version(1)
    client = Tracker(UC, settings).client
    held = {Path(item.path).name for item in client.list_artifacts(version.run_id, "judgement")}
    assert {"report.html", "report.pdf", "model-facts.html", "overview.png", "decision.png", "evidence.json"} <= held
    description = client.get_model_version(UC, "1").description
    assert len(description) <= MOST
    assert f"{evidence['metrics']['auroc']['value']:.3f}" in description
    assert "awaits a person's review" in description
    for name in ("report.html", "model-facts.html"):
        assert "Model facts" in (place / name).read_text()


def test_a_decision_is_told_everywhere(site: Installation) -> None:
    decide_on(UC, 1, "approve", "Dr. A. Reader", "read the report", site.settings)
    version = Registry(UC, site.settings).version(1)
    client = Tracker(UC, site.settings).client
    assert "a named person's review approved." in client.get_model_version(UC, "1").description
    copy = Path(client.download_artifacts(version.run_id, "judgement/model-facts.html", str(site.root)))
    assert "approved by Dr. A. Reader (unverified name)" in copy.read_text()
    assert "<dd>1, bundle" in copy.read_text()


def test_the_command_writes_a_pdf(site: Installation, tmp_path: Path) -> None:
    file = tmp_path / "report.pdf"
    found = site.call("report", UC, "1", "--pdf", str(file))
    assert found["pdf"] == str(file)
    assert Path(found["model_facts"]).is_file()
    assert file.read_bytes().startswith(b"%PDF-")
    assert file.stat().st_size > 200_000
    missing = site.call("report", UC, "--pdf", str(tmp_path / "nowhere" / "report.pdf"), check=2)
    assert missing["error"]["code"] == "folder_missing"
