"""What the planted temperature of the phantoms adds to a weak image, beside what it can add at most.

    python benchmarks/fusion.py [--images 1200] [--size 48] [--epochs 12]

At full size an image of a phantom says everything and nothing can be gained. Shrunk, its mottle is gone and the image alone is
unsure (at 32 pixels it may learn nothing at all). Of the temperature the likelihood ratio is known, for it was planted: two
normal distributions of one spread. Added to the log odds of the bundle's own answer to the image alone, it gives the best
answer there is to that image and temperature. Severity is compared with the extent that was drawn. Exits 1 unless the
temperature helps for certain (lower 95% bound above 0) and the fusion is not for certain worse than the best answer by more
than 0.01.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from radloop.configuration import load_use_case
from radloop.data.manifest import read_manifest, usable
from radloop.data.phantoms import write_phantoms
from radloop.data.phantoms.temperature import DEVIATION, NORMAL, SHIFT
from radloop.evaluation.cases import Cases, score_cases
from radloop.inference.predictor import Predictor
from radloop.settings import SILENCE, Settings
from radloop.statistics import outputs
from radloop.statistics.arrays import FloatArray
from radloop.statistics.intervals import Interval, resample

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = 0.01
Name = tuple[str, str]


def planted(tenths: FloatArray) -> FloatArray:
    """Return the log likelihood ratio of temperatures, tenths of a degree; 0 where it is unknown."""
    return np.nan_to_num((tenths - (NORMAL + SHIFT / 2)) * SHIFT / DEVIATION**2)


def answers(cases: Cases) -> dict[str, NDArray[np.float64]]:
    """Return the scores to compare, each [n]."""
    if cases.hidden is None:
        raise ValueError("the bundle takes no clinical value")
    alone = np.clip(cases.hidden[:, 0], 1e-9, 1 - 1e-9)
    ratio = planted(10 * cases.frame["clinical_temperature"].to_numpy(np.float64))
    odds = np.log(alone / (1 - alone)) + ratio
    return {"image": alone, "temperature": ratio, "fusion": cases.probabilities[:, 0], "best": 1 / (1 + np.exp(-odds))}


def compared(cases: Cases, draws: int = 2000) -> dict[Name, Interval]:
    """Return AUROCs, the gain over the image alone and what is missing to the best, from the same draws."""
    found = answers(cases)
    found["temperature"] = 1 / (1 + np.exp(-found["temperature"]))
    measures = {
        name: outputs.one(said, cases.truths[:, 0], cases.units, threshold=0.5, metrics=("auroc",))
        for name, said in found.items()
    }

    def measure(weights: FloatArray) -> Mapping[Name, FloatArray]:
        areas = {name: one(weights)[None, "auroc"] for name, one in measures.items()}
        apart = {"gain": areas["fusion"] - areas["image"], "missing": areas["best"] - areas["fusion"]}
        return {("auroc", name): area for name, area in areas.items()} | {
            ("difference", name): far for name, far in apart.items()
        }

    return resample(measure, int(cases.units.max()) + 1, cases=len(cases), draws=draws)


def trained(root: Path, options: argparse.Namespace) -> tuple[Cases, dict[str, Any]]:
    """Run the loop on phantoms and return the test cases and the evidence."""
    settings = Settings(root=root, home=root / ".radloop", use_cases=root / "configs" / "use_cases")
    settings.place.mkdir(parents=True)
    document = yaml.safe_load((ROOT / "configs" / "use_cases" / "phantom-cxr.yaml").read_text())
    document["image"]["size"] = options.size
    document["search"] |= {"trials": 1, "space": {}, "pruner": "none", "max_epochs": options.epochs}
    settings.use_cases.mkdir(parents=True)
    (settings.use_cases / "phantom-cxr.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    write_phantoms(root / "source", n=options.images, seed=11)
    command = [sys.executable, "-m", "radloop", "retrain", "phantom-cxr", "--source", str(root / "source"), "--json"]
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=False, env=dict(os.environ))
    if done.returncode not in (0, 3):
        raise SystemExit(done.stdout)
    place = settings.bundles / "phantom-cxr" / str(json.loads(done.stdout)["bundle"]).removeprefix("sha256:")
    folder = settings.data / "phantom-cxr"
    frame = usable(read_manifest(folder))
    use_case = load_use_case("phantom-cxr", settings)
    predictor = Predictor(place, approved=False)
    cases = score_cases(predictor, frame[frame["split"] == "test"], folder, use_case, lambda _done, _total: None)
    return cases, json.loads((place / "evidence.json").read_text())


def main() -> None:
    """Print a line an answer, and what was gained and missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1200, help="phantoms to make")
    parser.add_argument("--size", type=int, default=48, help="side of the network's input")
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()
    os.environ.update(SILENCE)
    with tempfile.TemporaryDirectory() as temporary:
        cases, evidence = trained(Path(temporary), options)
    found = compared(cases)
    for (kind, name), interval in found.items():
        print(f"{kind:<11} {name:<12} {interval.value:6.3f}  ({interval.low:.3f} to {interval.high:.3f})")
    for name, number in evidence["severity"]["metrics"].items():
        print(f"severity    {name:<20} {number['value']:6.3f}")
    helps = found["difference", "gain"].low > 0
    near = found["difference", "missing"].low <= ALLOWED
    print(f"{len(cases)} test images; the temperature {'helps' if helps else 'does not help'} for certain")
    sys.exit(0 if helps and near else 1)


if __name__ == "__main__":
    main()
