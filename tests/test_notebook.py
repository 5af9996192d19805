"""The notebook's cells, run as they stand."""

from __future__ import annotations

import json
import os
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from installations import ROOT, become


def test_the_notebook_runs_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook = json.loads((ROOT / "docs" / "one-use-case.ipynb").read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] for cell in cells)  # they would grow old
    before, names = dict(os.environ), {"__name__": "__main__"}
    monkeypatch.chdir(tmp_path)
    plt.switch_backend("agg")
    try:
        os.environ["PHANTOMS"] = "300"
        for cell in cells:
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)  # noqa: S102
    finally:
        become(before)
        plt.close("all")
    report = Path(capsys.readouterr().out.splitlines()[-1])
    assert report.is_relative_to(tmp_path / "notebook")
    assert report.is_file()
