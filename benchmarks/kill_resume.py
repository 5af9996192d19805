"""Kill the loop at many moments, run the same command again, and compare with an uninterrupted run.

    python benchmarks/kill_resume.py [--moments 11] [--seed 1]

Every kill is SIGKILL to the whole process group, at moments spread over the wall time of the
uninterrupted run, and one when the second of four trials shows an epoch. A moment counts as good when the resumed run gives the same
metrics, the search holds each trial once, and the registry holds one version. Works on small phantoms.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from installations import SMALL_N, Installation, make_installation

TRIALS = 4
LINE = f"trial 2/{TRIALS} epoch"


def command(source: Path) -> list[str]:
    """Return the loop's command."""
    return ["retrain", "phantom-cxr", "--trials", str(TRIALS), "--json", "--source", str(source)]


def finish(site: Installation, source: Path) -> tuple[dict[str, Any], float]:
    """Run the loop to its end."""
    started = time.monotonic()
    out, _ = site.start(*command(source), quiet=True).communicate()
    return json.loads(out), time.monotonic() - started


def kill(site: Installation, source: Path, after: float | None) -> None:
    """Start the loop and kill its process group after some seconds, or when the second trial shows an epoch."""
    process = site.start(*command(source), quiet=after is not None)
    if after is not None:
        time.sleep(after)
    elif process.stderr is not None:
        next((line for line in process.stderr if LINE in line), None)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def rows(site: Installation, database: str, query: str) -> list[Any]:
    """Ask one of the installation's databases."""
    path = site.root / ".radloop" / database
    return sqlite3.connect(path).execute(query).fetchall() if path.is_file() else []


def aliases(site: Installation) -> int:
    """Return how many candidates the registry names."""
    try:
        return len(rows(site, "mlflow/mlflow.db", "select * from registered_model_aliases where alias = 'candidate'"))
    except sqlite3.OperationalError:
        return 0


def main() -> None:
    """Print one line a moment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=11)
    parser.add_argument("--first", type=int, default=0, help="begin with this moment, to go on with an earlier call")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    from radloop.data.phantoms import write_phantoms

    draw = random.Random(options.seed)
    failures = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_phantoms(folder / "source", n=SMALL_N, seed=5)
        reference, wall = finish(make_installation(folder / "whole"), folder / "source")
        print(f"uninterrupted: {wall:.0f} s, AUROC {reference['metrics']['auroc']['value']:.4f}", flush=True)
        for moment in range(options.first, options.moments + 1):
            site = make_installation(folder / f"site-{moment}")
            after = wall * (moment + draw.random()) / options.moments
            kill(site, folder / "source", None if moment == options.moments else after)
            closed = any((site.root / ".radloop" / "runs").glob("*/*/finished.json"))
            done = (
                rows(site, "optuna/optuna.db", "select count(*) from trials where state = 'COMPLETE'")
                if after > wall * 0.3
                else []
            )
            half = aliases(site) and not rows(
                site, "mlflow/mlflow.db", "select 1 from model_version_tags where key = 'radloop.evidence'"
            )
            resumed, _ = finish(site, folder / "source")
            states = rows(site, "optuna/optuna.db", "select state from trials")
            versions = rows(site, "mlflow/mlflow.db", "select version from model_versions")
            expected = 2 if closed else 1  # killed after its run was closed: the same command starts another
            good = (
                resumed["metrics"] == reference["metrics"]
                and states.count(("COMPLETE",)) == TRIALS * (1 if expected == 1 else 2)
                and len(versions) == expected
                and not half
            )
            failures += not good
            finished = done[0][0] if done else 0
            print(
                f"killed {'inside trial 2 ' if moment == options.moments else f'after {after:5.1f} s'} "
                f"({finished} trials finished): {'same result' if good else 'DIFFERENT'}",
                flush=True,
            )
    tried = options.moments + 1 - options.first
    print(f"{tried - failures} of {tried} moments give the uninterrupted result")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
