"""Cases: real bundles of every kind asked about stored images, with the truth and the clinical values of a manifest."""

from __future__ import annotations

import copy
import csv
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bundles import KINDS, SIZE, make_bundle, make_images
from installations import small_phantom_config
from PIL import Image

from radloop.evaluation.attachments import draw_figures
from radloop.evaluation.cases import Cases, Outputs, by_clip, cases_as_csv, clinical_values, intended, score_cases
from radloop.evaluation.examination import examine
from radloop.evaluation.examples import examples
from radloop.evaluation.judgement import judge
from radloop.inference.predictor import Predictor
from radloop.use_case import IntendedUse, UseCase

N = 8


def use_case(kind: str, facts: Any) -> UseCase:
    """Return the use case that a bundle's facts come from."""
    config: dict[str, Any] = copy.deepcopy(small_phantom_config())
    config |= {"name": facts.use_case, "labels": facts.labels.model_dump(mode="json"), "clinical": {}}
    config["source"]["labels"] = {}
    for name in ("severity", "location", "fusion"):
        config.pop(name, None)
    if kind == "fusion":
        config["severity"] = facts.severity.model_dump(mode="json")
        config["source"]["columns"]["extent"] = "extent"
        words = {item.name: item for item in facts.clinical if item.name not in ("age", "sex")}
        config["clinical"] = {
            name: {"column": name, "words": {word: word for word in item.words}} for name, item in words.items()
        }
        config["fusion"] = {"values": [item.name for item in facts.clinical]}
    if facts.location is not None:
        config["location"] = facts.location.model_dump(mode="json")
        config["source"]["columns"]["mask"] = "mask"
    return UseCase.model_validate_json(json.dumps(config))


def stored(folder: Path, facts: Any) -> pd.DataFrame:
    """Write images, and masks of what is bright in them, and return their manifest's rows."""
    images = make_images(N, seed=4)
    (folder / "images").mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / "images" / f"{number}.png")
        Image.fromarray(np.where(image > 127, 255, 0).astype(np.uint8)).save(folder / "images" / f"{number}-mask.png")
    words = facts.labels.words
    frame = pd.DataFrame(
        {
            "id": [f"{number:016x}" for number in range(N)],
            "path": [f"images/{number}.png" for number in range(N)],
            "kind": ["image"] * N,
            "frame": [math.nan] * N,
            "clip": [None] * N,
            "label": [words[number % len(words)] for number in range(N)],
            "patient": [f"P{number // 2}" for number in range(N)],
            "sex": ["F", "M", None, "F"] * 2,
            "site": ["A"] * N,
            "view": ["PA"] * N,
            "device": ["X", "Y"] * (N // 2),
            "age": [40.0, 12.0, math.nan, 70.0] * 2,
            "extent": [float(number % 3) for number in range(N)],
            "mask": [f"images/{number}-mask.png" if number % 2 else None for number in range(N)],
        }
    )
    for k, finding in enumerate(getattr(facts.labels, "findings", ())):
        frame[f"finding_{finding}"] = [math.nan if number == k else float(number % (k + 2) == 0) for number in range(N)]
    for item in facts.clinical:
        if item.name not in ("age", "sex"):
            frame[f"clinical_{item.name}"] = [item.words[0] if item.words else 38.5, None] * (N // 2)
    return frame


@pytest.fixture(params=sorted(KINDS))
def judged(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Predictor, Cases, UseCase, Path]:
    """Return a bundle of a kind, and its cases."""
    kind = request.param
    predictor = Predictor(make_bundle(tmp_path / "bundles", **KINDS[kind]), approved=False)
    asked = use_case(kind, predictor.facts)
    cases = score_cases(predictor, stored(tmp_path, predictor.facts), tmp_path, asked, lambda *_: None)
    return kind, predictor, cases, asked, tmp_path


def test_every_image_is_asked_as_in_serving(judged: tuple[str, Predictor, Cases, UseCase, Path]) -> None:
    kind, predictor, cases, _, folder = judged
    for number, row in enumerate(cases.frame.to_dict("records")):
        values = clinical_values(row, predictor.facts)
        served = predictor.score(folder / row["path"], values)
        np.testing.assert_array_equal(cases.probabilities[number], served.probabilities)
        if kind == "fusion":
            assert cases.expected is not None
            assert cases.hidden is not None
            assert cases.expected[number] == served.grade
            np.testing.assert_array_equal(cases.hidden[number], predictor.score(folder / row["path"]).probabilities)
    assert (cases.hidden is None) == (kind != "fusion")
    assert (cases.dice is None) == (kind not in ("location", "segmentation"))
    assert cases.intended.tolist() == [True, False, True, True] * 2


def test_every_kind_is_judged_drawn_and_written(judged: tuple[str, Predictor, Cases, UseCase, Path]) -> None:
    kind, predictor, cases, asked, folder = judged
    outputs = Outputs.of(predictor.facts)
    found = judge(cases, outputs, asked.subgroups, asked.policy)
    examination = examine(predictor, found.inside, outputs, found.judged, asked.policy, folder)
    found = replace(found, examination=examination)
    document = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    _check_examination(document, kind)
    assert ("labels" in document, "severity" in document, "without_clinical" in document) == (
        kind in ("multiclass", "multilabel"),
        kind == "fusion",
        kind == "fusion",
    )
    figures = draw_figures(found, predictor.facts, examples(predictor, found.inside, folder))
    assert all(content.startswith(b"\x89PNG") for content in figures.values())
    assert ("regions.png" in figures) == (kind in ("location", "segmentation"))
    assert {"occlusion.png", "robustness.png"} <= set(figures)
    rows = list(csv.DictReader(cases_as_csv(cases, outputs).decode().splitlines()))
    assert [row["id"] for row in rows] == cases.frame["id"].tolist()


def _check_examination(document: dict[str, Any], kind: str) -> None:
    """Check what the examination of any kind of bundle has; six of the eight images lie within the intended use."""
    metric = "dice" if kind == "segmentation" else "auroc"
    robustness, shortcuts, explanations = (document[name] for name in ("robustness", "shortcuts", "explanations"))
    assert (robustness["images"], shortcuts["images"], robustness["metric"], shortcuts["metric"]) == (6, 6, metric, metric)
    assert all(
        {metric, f"{metric}_drop", "flips"} <= set(step) for steps in robustness["perturbations"].values() for step in steps
    )
    assert all(set(row) == {metric, f"{metric}_drop", "flips", "alone"} for row in shortcuts["occlusion"].values())
    assert shortcuts["probes"] == {}
    assert (explanations["mask_share"] is None) == (kind not in ("location", "segmentation"))
    assert explanations["sane"] == (explanations["reason"] is None)
    if kind == "segmentation":
        turned = robustness["perturbations"]["rotation"][4]["dice"]["value"]
        assert turned > robustness["untouched"]["value"] - 0.2  # the true region turns with its image


def test_values_are_hidden_where_the_manifest_does_not_know_them(tmp_path: Path) -> None:
    predictor = Predictor(make_bundle(tmp_path / "bundles", **KINDS["fusion"]), approved=False)
    rows = stored(tmp_path, predictor.facts).to_dict("records")
    names = {item.name for item in predictor.facts.clinical}
    known = clinical_values(rows[0], predictor.facts)
    assert set(known) == names
    assert known.get("age", 40.0) == 40.0
    assert set(clinical_values(rows[2] | {f"clinical_{name}": None for name in names}, predictor.facts)) == set()


def test_a_region_that_is_marked_right_has_dice_one(tmp_path: Path) -> None:
    """The small network marks what is brighter than the middle grey, block by block of eight pixels."""
    predictor = Predictor(make_bundle(tmp_path / "bundles", **KINDS["segmentation"]), approved=False)
    frame = stored(tmp_path, predictor.facts)
    blocks = np.zeros((SIZE, SIZE), np.uint8)
    blocks[16:48, 16:48] = 255
    Image.fromarray(blocks).save(tmp_path / "images" / "1.png")
    Image.fromarray(blocks).save(tmp_path / "images" / "1-mask.png")
    Image.fromarray(np.zeros((SIZE, SIZE), np.uint8)).save(tmp_path / "images" / "0.png")
    cases = score_cases(predictor, frame, tmp_path, use_case("segmentation", predictor.facts), lambda *_: None)
    assert cases.dice is not None
    assert cases.location is not None
    assert cases.dice[1] > 0.97  # only the interpolated corners are rounded off
    assert cases.location[1] == 1
    # The first image is dark, has no tumour and no mask: nothing was marked and nothing was to be found.
    assert (cases.dice[0], math.isnan(cases.location[0])) == (1, True)


def clips() -> Cases:
    """Return two clips, of three frames and of one, and a still image."""
    frame = pd.DataFrame(
        {
            "id": list("abcde"),
            "kind": ["frame", "frame", "image", "frame", "frame"],
            "clip": ["one", "one", None, "two", "one"],
            "patient": ["P", "P", "Q", "R", "P"],
        }
    )
    said, truth = np.array([[0.2], [0.4], [0.9], [0.7], [0.9]]), np.array([[1.0], [1.0], [0.0], [0.0], [1.0]])
    dice = np.array([0.5, np.nan, 1.0, np.nan, 1.0])
    return Cases(frame, said, truth, np.ones(5, np.bool_), expected=said[:, 0] * 2, levels=np.array([1, 1, 0, 2, 1]), dice=dice)


def test_a_clip_is_one_case_with_the_mean_of_its_frames() -> None:
    found = by_clip(clips())
    assert found.frame["id"].tolist() == ["one", "c", "two"]
    np.testing.assert_allclose(found.probabilities[:, 0], [0.5, 0.9, 0.7])
    assert found.truths[:, 0].tolist() == [1, 0, 0]
    assert found.expected is not None
    np.testing.assert_allclose(found.expected, [1.0, 1.8, 1.4])
    assert found.levels is not None
    assert found.levels.tolist() == [1, 0, 2]
    np.testing.assert_array_equal(found.dice, [0.75, 1.0, np.nan])
    assert found.count(Outputs("binary", ("covid",), (0.5,))) == {"images": 3, "patients": 3, "positives": 1}


def test_what_shares_a_patient_or_a_group_is_one_unit() -> None:
    table = pd.DataFrame({"id": list("abcdef"), "patient": ["P9", "P1", "P1", "P2", "P3", "P4"], "label": "x"})
    given = Cases(table, np.zeros((6, 1)), np.array([[1.0], [1], [0], [0], [1], [0]]), np.ones(6, np.bool_))
    assert (given.unit, given.units.tolist()) == ("patient", [0, 1, 1, 2, 3, 4])
    # G8 holds P9 and P1, and P1's second image is in G7 with P3: all three hang together.
    grouped = replace(given, frame=table.assign(group=["G8", "G8", "G7", None, "G7", "G6"]))
    assert (grouped.unit, grouped.units.tolist()) == ("group", [0, 0, 0, 1, 0, 2])
    assert grouped.count(Outputs("binary", ("x",), (0.5,))) == {"images": 6, "patients": 5, "groups": 3, "positives": 3}


def test_unknown_age_is_inside_as_in_serving_and_both_ends_count() -> None:
    ages = np.array([17.9, 18.0, 59.9, 60.0, np.nan])
    assert intended(ages, IntendedUse(statement="x", age=(18.0, 59.0))).tolist() == [False, True, True, False, True]
    assert intended(ages, IntendedUse(statement="x")).all()


def test_the_cases_table_keeps_every_digit() -> None:
    given = clips()
    lines = cases_as_csv(given, Outputs("binary", ("covid",), (0.5,))).decode().splitlines()
    assert lines[0] == "id,label,probability,intended"
    assert lines[1:3] == ["a,1,0.2,1", "b,1,0.4,1"]


def test_several_outputs_have_two_columns_a_label() -> None:
    frame = pd.DataFrame({"id": ["a", "b"], "patient": ["P", "Q"]})
    given = Cases(frame, np.array([[0.1, 1 / 3], [0.5, 0.25]]), np.array([[1, np.nan], [0, 1]]), np.array([True, False]))
    lines = cases_as_csv(given, Outputs("multilabel", ("mass", "nodule"), (0.5, None))).decode().splitlines()
    assert lines[0] == "id,label:mass,probability:mass,label:nodule,probability:nodule,intended"
    assert lines[1:] == ["a,1,0.1,,0.3333333333333333,1", "b,0,0.5,1,0.25,0"]
