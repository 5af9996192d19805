"""The notebook's cells, run as they stand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from installations import ROOT


def test_the_notebook_runs_to_its_end(tmp_path: Path) -> None:
    notebook = json.loads((ROOT / "docs" / "one-use-case.ipynb").read_text())
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] for cell in notebook["cells"] if cell["cell_type"] == "code")  # they would grow old
    script = tmp_path / "cells.py"
    script.write_text("\n\n".join(cells))
    environment = os.environ | {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "PHANTOMS": "300"}
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    report = Path(done.stdout.splitlines()[-1])
    assert report.is_relative_to(tmp_path / "notebook")
    assert report.is_file()
