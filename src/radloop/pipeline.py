"""What `dvc.yaml` reads of a stage: metrics and plots as small JSON files outside `data/`."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from radloop.records.seal import write_atomic
from radloop.stages import Work


def write_stage(name: str, result: dict[str, Any], work: Work, folder: Path) -> None:
    """Write `NAME.json`, and for `evaluate` also `metrics.json` and `roc.csv`.

    Args:
        result: what the stage gave.
        folder: outside `data/`, which `data.dvc` owns.
    """
    write_atomic(folder / f"{name}.json", json.dumps(result, indent=2, sort_keys=True).encode() + b"\n")
    if name == "evaluate":
        metrics = {metric: numbers["value"] for metric, numbers in result["metrics"].items()}
        write_atomic(folder / "metrics.json", json.dumps(metrics, indent=2, sort_keys=True).encode() + b"\n")
        _write_roc(folder / "roc.csv", work.settings.place / result["folder"] / "judgement" / "cases.csv")


def _write_roc(path: Path, cases: Path) -> None:
    """Write the ROC curve of the intended population as `dvc plots` reads it."""
    import numpy as np

    from radloop.statistics.discrimination import roc_curve

    with cases.open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["intended"] == "1"]
    scores = np.asarray([float(row["probability"]) for row in rows])
    labels = np.asarray([int(row["label"]) for row in rows])
    curve = roc_curve(scores, labels)
    lines = ["fpr,tpr", *(f"{x:.6f},{y:.6f}" for x, y in zip(curve.false_positive_rate, curve.true_positive_rate, strict=True))]
    write_atomic(path, "\n".join(lines).encode() + b"\n")
