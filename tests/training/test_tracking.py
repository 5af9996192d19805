"""The data's verdict beside the search's numbers in MLflow."""

from __future__ import annotations

import json
from pathlib import Path

from installations import Installation

from radloop.training.tracking import Tracker


def test_the_verdict_goes_with_the_run_once(installation: Installation, tmp_path: Path) -> None:
    sheet = tmp_path / "phantom-cxr.html"
    sheet.write_text("the checks")
    verdict = {
        "success": True,
        "failed": [],
        "warnings": ["a warning"],
        "checks": [{"code": "schema"}, {"code": "leaks"}],
        "leaks": [{"kind": "identical", "splits": ["train", "test"], "rows": ["a", "b"]}] * 3,
        "page": "/somewhere/index.html",
        "sheet": str(sheet),
        "seconds": 4.2,
    }
    tracker = Tracker("phantom-cxr", installation.settings)
    tags = {"radloop.key": "k"}
    for _ in range(2):
        tracker.verdict("k-001", tags, verdict)
    run = tracker.client.get_run(tracker.parent("k-001", tags))
    assert run.data.metrics == {"data_checks": 2, "data_failed": 0, "data_warnings": 1, "data_leaks": 3}
    assert run.data.tags["radloop.data_verdict"] == "passed"
    folder = Path(tracker.client.download_artifacts(run.info.run_id, "data", str(tmp_path)))
    kept = json.loads((folder / "verdict.json").read_text())
    assert kept == {key: verdict[key] for key in ("success", "failed", "warnings", "checks", "leaks")}
    assert (folder / "phantom-cxr.html").read_text() == "the checks"
    assert len(tracker.client.search_runs([tracker.experiment])) == 1
