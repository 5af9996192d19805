"""Where the time of the phantom loop goes that is neither training nor evaluation.

Runs `radloop retrain phantom-cxr` in a fresh folder (installed, nothing cached) and again in the same one,
and prints one table: wall seconds by stage, the seconds inside `trainer.fit` and in which networks were evaluated, and the rest.

    python benchmarks/loop_overhead.py [--trials 2] [--max-epochs 2]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def run(folder: Path, arguments: list[str]) -> tuple[dict[str, Any], float]:
    """Run the loop in a folder and return its summary and its wall seconds."""
    started = time.monotonic()
    command = [sys.executable, "-m", "radloop", "retrain", "phantom-cxr", "--json", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    wall = time.monotonic() - started
    if done.returncode not in (0, 3):
        sys.exit(done.stderr[-3000:])
    return json.loads(done.stdout), wall


def table(summary: dict[str, Any], wall: float) -> list[tuple[str, float]]:
    """Return rows of (what, seconds) that add up to the wall time."""
    seconds = summary["seconds"]
    stages = {name: seconds[name] for name in ("ingest", "validate", "search", "package", "evaluate", "promote")}
    stages["search without fit"] = stages.pop("search") - seconds["fit"]
    stages["package without asking the networks"] = stages.pop("package") - seconds["asked"]
    rows = [("start: interpreter, imports, Prefect's server", wall - seconds["total"])]
    rows += [(name, number) for name, number in stages.items() if name != "evaluate"]
    rows += [
        (
            "Prefect between tasks",
            seconds["total"] - sum(seconds[name] for name in ("ingest", "validate", "search", "package", "evaluate", "promote")),
        )
    ]
    return rows


def main() -> None:
    """Print both runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", default="2")
    parser.add_argument("--max-epochs", default="2")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / ".radloop").mkdir()
        for title in ("first run: phantoms are made, databases are created", "second run: all is there"):
            summary, wall = run(folder, ["--trials", options.trials, "--max-epochs", options.max_epochs])
            rows = table(summary, wall)
            print(f"\n{title}")
            for name, number in rows:
                print(f"  {name:<48} {number:7.1f} s")
            print(f"  {'glue in all':<48} {sum(number for _, number in rows):7.1f} s")
            print(f"  {'inside trainer.fit':<48} {summary['seconds']['fit']:7.1f} s")
            print(f"  {'evaluation on test':<48} {summary['seconds']['evaluate']:7.1f} s")
            print(f"  {'the networks on tune and calibrate':<48} {summary['seconds']['asked']:7.1f} s")
            print(f"  {'wall':<48} {wall:7.1f} s")


if __name__ == "__main__":
    main()
