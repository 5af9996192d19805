"""Rehearse the gate: the default loop on clean phantoms and on phantoms with planted defects, which it must reject by name.

    python benchmarks/planted_defects.py [--seed 2026] [clean corner-marker subgroup-label-noise]

Prints a line a rehearsal with its verdict and the rules that said no; exits 1 where one is not as it must be: clean passes, a
marker is found where it lies, wrong labels in those whom they are of, and these pass with the mitigation that the gate proposes.
Each takes as long as `make retrain`, the last twice that.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SHIPPED = Path(__file__).resolve().parents[1] / "configs" / "use_cases" / "phantom-cxr.yaml"
EXPECTED = {"clean": None, "corner-marker": "[upper_left", "subgroup-label-noise": "[sex=F]"}
"""A part of the name of one rule that must say no; None where none may."""

MITIGATED = "subgroup-label-noise"
"""What passes with the mitigation that is proposed."""


def main() -> None:
    """Run the rehearsals that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(EXPECTED), metavar="NAME")
    parser.add_argument("--seed", type=int, default=2026)
    asked = parser.parse_args()
    wrong = [name for name in asked.names if not rehearsed(name, asked.seed)]
    sys.exit(f"not as it must be: {', '.join(wrong)}" if wrong else 0)


def rehearsed(name: str, seed: int) -> bool:
    """Run the loop on phantoms with a defect, print what the gate said, and tell whether it is as it must be."""
    with tempfile.TemporaryDirectory() as temporary:
        site = Path(temporary)
        (site / ".radloop").mkdir()
        plant = [] if name == "clean" else ["--plant", name]
        radloop(site, "phantoms", "source", "--seed", str(seed), *plant)
        found = radloop(site, "retrain", "phantom-cxr", "--source", "source")
        good = told(name, found, EXPECTED[name])
        return good and (name != MITIGATED or mitigated(site, found))


def mitigated(site: Path, found: dict[str, Any]) -> bool:
    """Write the first proposal into the use case, run the loop again, print it, and tell whether it passed."""
    proposed = [proposal["yaml"] for proposal in found["proposals"]]
    if not proposed:
        print("nothing was proposed")
        return False
    print(f"proposed: {' '.join(proposed[0].split())}", flush=True)
    folder = site / "configs" / "use_cases"
    folder.mkdir(parents=True)
    (folder / "phantom-cxr.yaml").write_text(SHIPPED.read_text() + proposed[0])
    again = radloop(site, "retrain", "phantom-cxr")
    evidence = json.loads((Path(again["report"]).parent / "evidence.json").read_text())
    for row in evidence["mitigation"]["set_aside"]:
        print(f"  set aside of {row['value']}: {row['set_aside']} of {row['images']} labels", flush=True)
    return told(f"{MITIGATED}, mitigated", again, None)


def told(name: str, found: dict[str, Any], part: str | None) -> bool:
    """Print what the gate said, and tell whether it said no where it must and nowhere where it may not."""
    no = [reason["rule"] for reason in found["reasons"] if reason["status"] not in ("passed", "not_applicable")]
    print(
        f"{name}: {found['verdict']}, AUROC {found['metrics']['auroc']['value']:.3f}; no: {', '.join(no) or 'none'}", flush=True
    )
    for reason in found["reasons"]:
        if reason["rule"] in no:
            print(f"  {reason['sentence']}", flush=True)
    return not no if part is None else any(part in rule for rule in no)


def radloop(site: Path, *arguments: str) -> dict[str, Any]:
    """Run a command in a folder and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "radloop", *arguments, "--json"],
        cwd=site,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 3):
        sys.exit(done.stderr[-3000:])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
