"""Hyperband beside a search without a pruner on phantom-cxr: the best value on `tune`, and the epochs that it took.

    python benchmarks/search.py [--trials 20] [--max-epochs 27] [--seeds 5] [--objective loss] [--size 128]

Both searches of a seed draw from the same space with the same sampler. It works on phantoms of its own in a folder that it
removes, and goes through the search as `radloop retrain` does, with Optuna's storage and MLflow. Exits 1 unless, in the
median over seeds, Hyperband's best value lies within 0.005 of the other's at no more than half of its epochs. The last rung
is far with many epochs only: with 9 of them, Hyperband has to spend more than half.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from radloop.configuration import load_use_case
from radloop.data.ingest import ingest
from radloop.data.phantoms import DEFAULT_N, write_phantoms
from radloop.records.runs import open_run
from radloop.settings import SILENCE, Settings
from radloop.training.pixels import Pixels, load_pixels
from radloop.training.result import SearchResult
from radloop.training.search import search
from radloop.use_case import UseCase

WITHIN = 0.005
SHARE = 0.5


@dataclass(frozen=True)
class Pair:
    """Both searches of one seed; `short` is how much worse Hyperband's best value is, in the objective's direction."""

    seed: int
    hyperband: SearchResult
    whole: SearchResult
    short: float

    @property
    def share(self) -> float:
        """Return Hyperband's epochs as a share of the other's."""
        return self.hyperband.epochs / self.whole.epochs


def asked(base: UseCase, options: argparse.Namespace, pruner: str, seed: int) -> UseCase:
    """Return phantom-cxr with the benchmark's budget."""
    document = base.model_dump(mode="json")
    document["search"] |= {"trials": options.trials, "max_epochs": options.max_epochs, "pruner": pruner, "seed": seed}
    document["search"]["objective"] = options.objective
    document["image"]["size"] = options.size
    return UseCase.model_validate_json(json.dumps(document))


def run(use_case: UseCase, pixels: Pixels, settings: Settings) -> SearchResult:
    """Run one search."""
    started = time.monotonic()
    folder = settings.place / "runs" / use_case.name
    result = search(use_case, pixels, open_run(folder, use_case.model_dump(mode="json")), {}, settings)
    section = use_case.search
    print(
        f"  seed {section.seed} {section.pruner:<9} {section.objective} {result.value:.4f}, {result.epochs} epochs, "
        f"{result.pruned} of {result.trials} trials pruned, {time.monotonic() - started:.0f} s",
        flush=True,
    )
    return result


def main() -> None:
    """Print one line a search and the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--max-epochs", type=int, default=27)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--objective", default="loss", choices=("loss", "auroc", "accuracy"))
    parser.add_argument("--size", type=int, default=128, help="side of the network's input; smaller is faster")
    parser.add_argument("--images", type=int, default=DEFAULT_N, help="phantoms to make")
    options = parser.parse_args()
    os.environ.update(SILENCE)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        settings = Settings(root=root, home=root / ".radloop")
        settings.place.mkdir(parents=True)
        base = load_use_case("phantom-cxr", settings)
        write_phantoms(root / "source", n=options.images, seed=5)
        version = ingest(base, root / "source", settings).data_version
        pixels = load_pixels(asked(base, options, "none", 1), version, settings)
        pairs = []
        for seed in range(1, options.seeds + 1):
            hyperband, whole = (run(asked(base, options, pruner, seed), pixels, settings) for pruner in ("hyperband", "none"))
            worse = hyperband.value - whole.value if options.objective == "loss" else whole.value - hyperband.value
            pairs.append(Pair(seed, hyperband, whole, worse))
    short, share = statistics.median(pair.short for pair in pairs), statistics.median(pair.share for pair in pairs)
    good = short <= WITHIN and share <= SHARE
    print(
        f"median of {len(pairs)} seeds: best value worse by {short:.4f} (limit {WITHIN}), {share:.0%} of the epochs (limit {SHARE:.0%})"
    )
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
