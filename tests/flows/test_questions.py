"""Every kind of question, from a folder of images to a judged and registered version, stage by stage with the real tools."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from installations import make_installation, small_phantom_config
from PIL import Image

from radloop import stages
from radloop.inference.predictor import Predictor
from radloop.stages import STAGES, Budget, run_stage

N = 120
SIDE = 80
SPLITS = ("train", "train", "train", "tune", "calibrate", "test")

QUESTIONS: dict[str, dict[str, Any]] = {
    "classes": {
        "labels": {"kind": "multiclass", "classes": ["none", "left", "right"]},
        "source": {"columns": {"label": "side"}, "readers": {"first": "senior", "second": "junior"}},
    },
    "findings": {
        "labels": {"kind": "multilabel", "findings": ["left", "right"], "none": "none"},
        "source": {"columns": {}},
    },
    "grade-place-and-clinical": {
        "labels": {"positive": "disc", "negative": "none"},
        "source": {"columns": {"label": "label", "extent": "extent", "sex": "sex", "age": "age", "boxes": "box"}},
        "location": {"stride": 4},
        "clinical": {"fever": {"column": "fever", "unit": "Cel", "low": 30, "high": 45}},
        "severity": {"levels": ["none", "small", "large"], "cuts": [1, 15]},
        "fusion": {"values": ["fever", "age", "sex"]},
        "mitigation": {"attribute": "sex", "training": "reweighting", "thresholds": "per_group", "labels": "set_aside"},
    },
    "outline": {
        "labels": {"kind": "segmentation", "target": "disc"},
        "source": {"columns": {"label": "label", "mask": "mask"}},
        "location": {"stride": 4},
    },
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise with a bright disc on the left, on the right, or none; every fourth value of the table is blank."""
    folder = tmp_path_factory.mktemp("questions")
    draw = np.random.default_rng(8)
    rows = []
    y, x = np.mgrid[:SIDE, :SIDE]
    for number in range(N):
        side = ("none", "left", "right")[number // len(SPLITS) % 3]
        radius = int(draw.integers(8, 18))
        centre = (40, {"left": 22, "right": 58, "none": -99}[side])
        disc = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2
        pixels = draw.integers(60, 120, (SIDE, SIDE)) + 90 * disc
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
        mask = ""
        if side != "none":
            mask = f"{number}_mask.png"
            Image.fromarray((255 * disc).astype(np.uint8)).save(folder / mask)
        box = (
            ""
            if side == "none"
            else f"{centre[1] - radius} {centre[0] - radius} {centre[1] + radius + 1} {centre[0] + radius + 1}"
        )
        rows.append(
            {
                "path": f"{number}.png",
                "split": SPLITS[number % len(SPLITS)],
                "patient": f"p{number}",
                "side": side,
                "first": side,
                "second": "" if number % 12 < 6 else "none",
                "left": "" if number % 4 == 0 else int(side == "left"),
                "right": int(side == "right"),
                "label": "none" if side == "none" else "disc",
                "extent": 0 if side == "none" else radius,
                "sex": "FM"[number % 2],
                "age": 30 + number % 40,
                "fever": "" if number % 4 == 0 else round(36.5 + (side != "none") + float(draw.normal()) / 2, 1),
                "box": box,
                "mask": mask,
            }
        )
    with (folder / "manifest.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def question(name: str) -> dict[str, Any]:
    """Return the small phantom configuration with another question."""
    config = small_phantom_config() | {"name": name}
    for section in ("clinical", "fusion", "severity", "synthetic", "subgroups", "review"):
        config.pop(section, None)
    asked = QUESTIONS[name]
    columns = {"path": "path", "patient": "patient", "split": "split"} | asked["source"]["columns"]
    words = {word: word for word in ("train", "tune", "calibrate", "test")}
    config |= asked | {"source": asked["source"] | {"columns": columns, "splits": words}}
    config["quarantine"] = {"burned_in_text": False}
    config["search"] |= {"trials": 1, "objective": "loss", "space": {}}
    config["image"] |= {"size": 64}
    return config


def asked(name: str) -> dict[str, Any]:
    """Return a question's source."""
    return dict(QUESTIONS[name]["source"])


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_goes_through_the_loop(name: str, source: Path, tmp_path: Path) -> None:
    site = make_installation(tmp_path / "site", question(name))
    work = stages.resume_work(stages.begin(name, source, Budget(), site.settings), site.settings)
    results = {stage: run_stage(stage, work) for stage in STAGES}
    assert results["promote"]["verdict"] in ("passed", "rejected")
    folder = Path(results["promote"]["report"]).parent
    evidence = json.loads((folder / "evidence.json").read_text())
    outputs = evidence["bundle"]["outputs"]
    assert evidence["parity"]["n"] == 20
    assert evidence["parity"]["max_difference"] < 1e-3
    answer = Predictor(folder, approved=False).predict(source / "1.png", explain=True)
    assert [finding.label for finding in answer.findings] == outputs
    assert (answer.severity is not None) == ("severity" in QUESTIONS[name])
    if len(outputs) > 1:
        assert set(evidence["labels"]) == set(outputs)
    if "mitigation" in QUESTIONS[name]:
        check_mitigation(evidence, answer.findings[0].threshold)
    assert ("readers" in evidence) == ("readers" in asked(name))
    if "readers" in evidence:
        senior, junior = (evidence["readers"]["each"][reader] for reader in ("senior", "junior"))
        assert (senior["images"], junior["images"]) == (20, 10)
        assert senior["metrics"]["accuracy"]["value"] == 1
        assert senior["model"]["accuracy"]["value"] == evidence["metrics"]["accuracy"]["value"]
        assert evidence["readers"]["agreement"][0]["images"] == 10
    if "location" in QUESTIONS[name]:
        assert {"dice", "location"} & set(evidence["metrics"])


def check_mitigation(evidence: dict[str, Any], threshold: float | None) -> None:
    """All of `calibrate` is F and all of `test` M, so that M, whom nobody fitted, takes the most sensitive threshold."""
    groups, told = evidence["bundle"]["group_thresholds"], evidence["mitigation"]
    assert [(point["word"], point["n"], point["fitted"]) for point in groups["points"]] == [("F", 20, [True])]
    assert groups["unknown"] == [min(evidence["bundle"]["threshold"], groups["points"][0]["thresholds"][0])]
    assert threshold == groups["unknown"][0]  # of an image without a sex
    assert told["before"] is None  # no version was made without it
    assert [(row["value"], row["images"]) for row in told["set_aside"]] == [("F", 40), ("M", 20)]
    assert [row["value"] for row in told["after"]] == [row["value"] for row in told["one_threshold"]] == ["M"]
    kept = evidence["champion"], evidence["training"]["trial"]
    assert kept == (None, 0)
