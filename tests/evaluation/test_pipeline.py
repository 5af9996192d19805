"""What DVC reads of an evaluation, of one label and of several."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from radloop.pipeline import write_stage
from radloop.stages import Work

BINARY = "id,label,probability,intended\na,1,0.9,1\nb,0,0.2,1\nc,0,0.95,0\n"
SEVERAL = (
    "id,label:mass,probability:mass,label:nodule,probability:nodule,intended\n"
    "a,1,0.9,0,0.1,1\nb,0,0.2,,0.4,1\nc,1,0.8,1,0.7,1\nd,0,0.99,0,0.99,0\n"
)
INTERVAL = {"value": 0.75, "low": 0.5, "high": 1.0}


def written(folder: Path, cases: str, **more: Any) -> tuple[dict[str, Any], str]:
    """Return metrics.json and roc.csv of an evaluation."""
    judgement = folder / "bundle" / "judgement"
    judgement.mkdir(parents=True)
    (judgement / "cases.csv").write_text(cases)
    work = cast("Work", SimpleNamespace(settings=SimpleNamespace(place=folder)))
    write_stage("evaluate", {"folder": "bundle", "metrics": {"auroc": INTERVAL}, **more}, work, folder / "out")
    return json.loads((folder / "out" / "metrics.json").read_text()), (folder / "out" / "roc.csv").read_text()


def test_one_label(tmp_path: Path) -> None:
    metrics, roc = written(tmp_path, BINARY)
    assert metrics == {"auroc": 0.75}
    # Within the intended use the positive case is the first, the negative the second.
    assert roc == "fpr,tpr\n0.000000,0.000000\n0.000000,1.000000\n1.000000,1.000000\n"


def test_several_labels_one_below_the_other(tmp_path: Path) -> None:
    unknown = {"value": None, "low": None, "high": None}
    labels = {"mass": {"metrics": {"auroc": INTERVAL}}, "nodule": {"metrics": {"auroc": unknown}}}
    metrics, roc = written(tmp_path, SEVERAL, labels=labels)
    assert metrics == {"auroc": 0.75, "mass": {"auroc": 0.75}, "nodule": {"auroc": None}}
    lines = roc.splitlines()
    assert lines[0] == "label,fpr,tpr"
    assert lines[1:5] == [
        '"mass",0.000000,0.000000',
        '"mass",0.000000,0.500000',
        '"mass",0.000000,1.000000',
        '"mass",1.000000,1.000000',
    ]
    # The second image's nodule is unknown: one positive and one negative case are left.
    assert lines[5:] == ['"nodule",0.000000,0.000000', '"nodule",0.000000,1.000000', '"nodule",1.000000,1.000000']
