"""What `dvc.yaml` reads of a stage: metrics and plots as small JSON files outside `data/`."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
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
        write_atomic(folder / "metrics.json", json.dumps(_values(result), indent=2, sort_keys=True).encode() + b"\n")
        _write_roc(folder / "roc.csv", work.settings.place / result["folder"] / "judgement" / "cases.csv")


def _values(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values without their intervals, those of each label among several under its word."""
    metrics: dict[str, Any] = {name: numbers["value"] for name, numbers in result["metrics"].items()}
    for label, found in result.get("labels", {}).items():
        metrics[label] = {name: numbers["value"] for name, numbers in found["metrics"].items()}
    return metrics


def _write_roc(path: Path, cases: Path) -> None:
    """Write the ROC curve of the intended population as `dvc plots` reads it; of several labels one below the other."""
    with cases.open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["intended"] == "1"]
        names = list(rows[0]) if rows else []
    labels = [name.removeprefix("label:") for name in names if name.startswith("label:")]
    lines = ["label,fpr,tpr" if labels else "fpr,tpr"]
    for label in labels:
        points = _curve([row for row in rows if row[f"label:{label}"]], f"probability:{label}", f"label:{label}")
        lines += [f"{json.dumps(label)},{point}" for point in points]
    if not labels:
        lines += _curve([row for row in rows if row["label"]], "probability", "label")
    write_atomic(path, "\n".join(lines).encode() + b"\n")


def _curve(rows: Sequence[Mapping[str, str]], score: str, label: str) -> list[str]:
    import numpy as np

    from radloop.statistics.discrimination import roc_curve

    curve = roc_curve(np.asarray([float(row[score]) for row in rows]), np.asarray([int(row[label]) for row in rows]))
    return [f"{x:.6f},{y:.6f}" for x, y in zip(curve.false_positive_rate, curve.true_positive_rate, strict=True)]
