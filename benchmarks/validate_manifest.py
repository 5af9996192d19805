"""Seconds and memory of judging a manifest of 112,120 rows: NIH ChestX-ray14's real table, without its images.

    python benchmarks/validate_manifest.py [--worst]

The table is the one that torchxrayvision's wheel carries. It is read and judged as `radloop validate` would; nothing of
it is kept. `--worst` spoils every row's patient, age and view, so that every check has all rows to name.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
LIMIT_SECONDS, LIMIT_GIB = 60.0, 2.0


def table() -> Path:
    """Return NIH's table, without importing the package, which would import torch."""
    found = importlib.util.find_spec("torchxrayvision")
    if found is None or found.origin is None:
        sys.exit("torchxrayvision is not installed: pip install torchxrayvision")
    return next((Path(found.origin).parent / "data").glob("Data_Entry_2017_v2020.csv*"))


def spoilt(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with every row wrong in several ways."""
    views = [f"strange {place % 1000}" for place in range(len(frame))]
    return frame.assign(age=frame["age"] + 1000, view=views, patient=None, finding_Mass=7.0, id="same")


def main() -> None:
    """Measure once and print one JSON object; exit 1 over a limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worst", action="store_true", help="spoil every row")
    worst = parser.parse_args().worst
    clock = time.perf_counter()
    seconds: dict[str, float] = {}

    def lap(name: str) -> None:
        seconds[name] = round(time.perf_counter() - clock - sum(seconds.values()), 2)

    from radloop.configuration import read_use_case
    from radloop.data.leakage import find_leaks
    from radloop.data.listing import table_rows
    from radloop.data.manifest import table_frame
    from radloop.data.sources import read_table_only
    from radloop.validation.verdict import judge_manifest

    use_case = read_use_case(ROOT / "configs" / "use_cases" / "thorax-cxr.yaml")
    lap("import")
    rows = read_table_only(table(), use_case)
    lap("read")
    frame = table_frame(table_rows(rows, use_case, b"benchmark"), use_case)
    frame = spoilt(frame) if worst else frame
    lap("frame")
    leaks = [leak.as_dict() for leak in find_leaks(frame, {}, use_case.leakage)]
    lap("leaks")
    with tempfile.TemporaryDirectory() as folder:
        verdict = judge_manifest(use_case, frame, Path(folder), leaks=leaks, previous=frame)
        lap("judge")
        pages = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    total = round(sum(seconds.values()), 2)
    facts = {"rows": len(frame), "checks": len(verdict.checks), "failed": verdict.sentences(), "warnings": verdict.warnings()}
    measured = {"seconds": {**seconds, "total": total}, "peak_gib": round(peak, 2), "pages_mb": round(pages / 1e6, 1)}
    print(json.dumps(facts | measured, indent=1))
    if total > LIMIT_SECONDS or peak > LIMIT_GIB:
        sys.exit(f"over the limits of {LIMIT_SECONDS:.0f} s and {LIMIT_GIB:.0f} GiB")


if __name__ == "__main__":
    main()
