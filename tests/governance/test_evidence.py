"""What the evidence keeps of splits and of a bundle, of every kind of labels."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from bundles import KINDS, make_bundle
from conftest import Loop
from installations import small_phantom_config

from radloop.data.manifest import columns_of, write_manifest
from radloop.governance.evidence import _bundle_facts, split_counts
from radloop.inference.verification import verify_bundle
from radloop.use_case import UseCase


def use_case(labels: dict[str, Any]) -> UseCase:
    """Return a use case with other labels."""
    config: dict[str, Any] = copy.deepcopy(small_phantom_config()) | {"labels": labels, "clinical": {}}
    config["source"]["labels"] = {}
    for name in ("severity", "location", "fusion"):
        config.pop(name, None)
    return UseCase.model_validate_json(json.dumps(config))


def manifest(folder: Path, asked: UseCase, rows: list[dict[str, Any]]) -> Path:
    """Write a manifest of a few rows; what they do not say is unknown, or plain."""
    plain: dict[str, Any] = {
        "path": "images/a.png",
        "kind": "image",
        "format": "png",
        "rows": 64,
        "columns": 64,
        "bits": 8,
        "text": False,
        "sha256": "0" * 64,
        "pixels": "0" * 64,
        "dhash": "0" * 64,
    }
    quality = dict.fromkeys(("black", "saturated", "contrast", "sharpness", "mean", "border", "marker"), 0.0)
    frame = pd.DataFrame([{"id": f"{number:016x}", **plain, **quality, **row} for number, row in enumerate(rows)])
    write_manifest(
        folder, frame.reindex(columns=columns_of(asked)).astype(object).where(lambda cells: cells.notna(), None), asked
    )
    return folder


def test_one_label_counts_positives(tmp_path: Path) -> None:
    asked = use_case({"kind": "binary", "positive": "opacity", "negative": "normal"})
    rows = [
        {"label": "opacity", "patient": "P", "split": "train"},
        {"label": "opacity", "patient": "P", "split": "train"},
        {"label": "normal", "patient": "Q", "split": "train"},
        {"label": "opacity", "patient": "R", "split": "test", "excluded": "leak"},
        {"label": "opacity", "patient": "S", "split": "test"},
    ]
    found = split_counts(manifest(tmp_path, asked, rows), asked)
    assert found["train"] == {"images": 3, "patients": 2, "positives": 2}
    assert found["test"] == {"images": 1, "patients": 1, "positives": 1}
    assert found["tune"] == {"images": 0, "patients": 0, "positives": 0}


def test_several_labels_count_each(tmp_path: Path) -> None:
    asked = use_case({"kind": "multilabel", "findings": ["mass", "nodule"], "none": "none"})
    rows = [
        {"patient": "P", "split": "train", "finding_mass": 1.0, "finding_nodule": 1.0},
        {"patient": "Q", "split": "train", "finding_mass": 1.0, "finding_nodule": None},
        {"patient": "Q", "split": "calibrate", "finding_mass": 0.0, "finding_nodule": 0.0},
    ]
    found = split_counts(manifest(tmp_path, asked, rows), asked)
    assert found["train"] == {"images": 2, "patients": 2, "labels": {"mass": 2, "nodule": 1}}
    assert found["calibrate"] == {"images": 1, "patients": 1, "labels": {"mass": 0, "nodule": 0}}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_bundle_is_told_whole(kind: str, tmp_path: Path) -> None:
    bundle = verify_bundle(make_bundle(tmp_path, **KINDS[kind]))
    asked = use_case({"kind": "binary", "positive": "opacity", "negative": "normal"})
    found = json.loads(json.dumps(_bundle_facts(bundle, asked), allow_nan=False))
    assert found["outputs"] == list(bundle.facts.outputs)
    assert len(found["thresholds"]) == len(found["outputs"])
    assert found["clinical"] == [item.name for item in bundle.facts.clinical]
    assert ("threshold" in found, "temperature" in found) == (len(found["outputs"]) == 1,) * 2
    if "threshold" in found:
        assert found["threshold"] == bundle.facts.operating_points[0].threshold
        assert found["temperature"] == bundle.facts.calibration.temperatures[0]


def test_a_loop_examines_its_bundle(loop: Loop) -> None:
    settings = loop.installation.settings
    place = settings.bundles / "phantom-cxr" / str(loop.summary["bundle"]).removeprefix("sha256:")
    evidence = json.loads((place / "evidence.json").read_text())
    assert set(evidence["fairness"]) == {"sex", "age_band", "site", "view", "device"}
    assert any(row["attribute"] == "sex+site" for row in evidence["subgroups"])
    assert set(evidence["robustness"]["perturbations"]) == {"noise", "blur", "contrast", "rotation", "jpeg", "resolution"}
    assert len(evidence["shortcuts"]["occlusion"]) == 6
    assert 0 < evidence["robustness"]["images"] == evidence["shortcuts"]["images"] <= evidence["population"]["gated"]["images"]
    assert isinstance(evidence["explanations"]["sane"], bool)
    assert {"occlusion.png", "robustness.png"} <= set(evidence["figures"])
    assert "What it looks at" in (place / "report.html").read_text()
