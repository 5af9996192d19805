"""Train on clean phantoms and on ones whose label stands in a corner, and print what the examination tells of either.

    python benchmarks/shortcuts.py

Each is the default loop, `radloop phantoms` and `radloop retrain phantom-cxr`, of a few minutes on two cores. Fails
unless the corner marker is found out: alone it tells the label, and without the centre nothing is lost.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

KINDS: dict[str, list[str]] = {"clean": [], "corner-marker": ["--plant", "corner-marker"]}


def main() -> None:
    """Print the numbers of both."""
    found = {}
    for kind, planted in KINDS.items():
        with tempfile.TemporaryDirectory() as folder:
            found[kind] = evidence(Path(folder), planted)
        show(kind, found[kind])
    regions = {kind: document["shortcuts"]["occlusion"] for kind, document in found.items()}
    marked, clean = regions["corner-marker"], regions["clean"]
    told = marked["upper_left"]["alone"]["low"] > 0.9 and marked["centre"]["auroc_drop"]["high"] < 0.1
    fair = clean["upper_left"]["alone"]["low"] < 0.6 and clean["centre"]["auroc_drop"]["low"] > 0.1
    sys.exit(0 if told and fair else 1)


def evidence(folder: Path, planted: list[str]) -> dict[str, Any]:
    """Run the loop in a folder and return its evidence."""
    (folder / "site" / ".radloop").mkdir(parents=True)
    run(folder / "site", "phantoms", str(folder / "source"), *planted)
    summary = json.loads(run(folder / "site", "retrain", "phantom-cxr", "--source", str(folder / "source"), "--json"))
    print(f"evaluate took {summary['seconds']['evaluate']:.1f} of {summary['seconds']['total']:.1f} s", flush=True)
    place = folder / "site" / ".radloop" / "bundles" / "phantom-cxr" / str(summary["bundle"]).removeprefix("sha256:")
    document: dict[str, Any] = json.loads((place / "evidence.json").read_text())
    return document


def run(folder: Path, *arguments: str) -> str:
    """Run a command of Radloop and return what it prints; a rejected candidate is a result too."""
    command = [sys.executable, "-m", "radloop", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        sys.exit(done.stderr[-3000:])
    return done.stdout


def show(kind: str, document: dict[str, Any]) -> None:
    """Print a row a part of the image, a probe and a perturbation."""
    print(f"\n{kind}: AUROC {interval(document['metrics']['auroc'])}")
    for region, row in document["shortcuts"]["occlusion"].items():
        words = f"hidden {interval(row['auroc'])}, lost {interval(row['auroc_drop'])}, {row['flips']:.0%} of decisions changed"
        print(f"  {region:12} {words}, alone {interval(row['alone'])}")
    for attribute, probe in document["shortcuts"]["probes"].items():
        print(f"  features tell {attribute}: {interval(probe['auroc'])}")
    for name, steps in document["robustness"]["perturbations"].items():
        print(f"  {name:12} " + "  ".join(f"{step['amount']:g}: {step['auroc']['value']:.3f}" for step in steps))
    print(f"  heat map {json.dumps(document['explanations'])}", flush=True)


def interval(found: dict[str, float | None]) -> str:
    """Return a value with its bounds."""
    return " ".join("?" if found[end] is None else f"{found[end]:.3f}" for end in ("value", "low", "high"))


if __name__ == "__main__":
    main()
