"""From trained weights to a sealed bundle that answers, for every kind of use case."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from radloop.data.versions import DataVersion
from radloop.errors import Refusal
from radloop.inference.bundle import NETWORK_FILES
from radloop.inference.predictor import Predictor
from radloop.models.build import build_network
from radloop.packaging.package import Packaged, package
from radloop.records.runs import Run
from radloop.settings import Settings
from radloop.training.pixels import Pixels
from radloop.training.result import SearchResult
from radloop.use_case import EngineKind, Serving, UseCase
from tests.image_files import make_raster
from tests.packaging.cases import CASES, SIZE, make_pixels


def packaged(root: Path, case: UseCase, pixels: Pixels) -> tuple[Packaged, Predictor]:
    """Package a network with random weights and load what came of it."""
    run = Run(root / "run", "0" * 16, 1)
    (run.folder / "trial-0").mkdir(parents=True)
    recipe = case.search.recipe.model_copy(update={"backbone": "resnet18", "pretrained": False})
    torch.manual_seed(3)
    network = build_network(case, recipe, pixels.inputs, pretrained=False)
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(weights, run.folder / "trial-0" / "network.safetensors")
    search = SearchResult(
        run_id="r",
        trial=0,
        trial_run_id="t",
        value=0.5,
        epoch=0,
        seed=7,
        params={},
        recipe=recipe.model_dump(mode="json"),
        weights="trial-0/network.safetensors",
        trials=1,
        pruned=0,
        fit_seconds=1.0,
    )
    settings = Settings(root=root, home=root / ".radloop")
    done = package(case, DataVersion("9f3c.dir", {"path": case.name}), search, pixels, run, settings)
    return done, Predictor(settings.bundles / case.name / done.bundle.removeprefix("sha256:"), approved=False, streams=1)


@pytest.mark.parametrize(("kind", "engine"), [*((kind, "openvino") for kind in CASES), ("fusion", "onnxruntime")])
def test_the_bundle_answers_as_the_network_would(tmp_path: Path, kind: str, engine: EngineKind) -> None:
    case = CASES[kind].model_copy(update={"serving": Serving(engine=engine)})
    pixels = make_pixels(case)
    done, predictor = packaged(tmp_path, case, pixels)  # loading runs the self-test
    facts = predictor.facts
    assert (facts.labels, facts.outputs, facts.clinical) == (case.labels, case.outputs, pixels.inputs)
    assert (facts.severity, facts.location) == (case.severity, case.location)
    assert facts.engine.kind == predictor.engine.kind == engine and engine in facts.software
    assert set(NETWORK_FILES[engine]) <= set(predictor.bundle.files)
    assert len({"model.xml", "model.onnx"} & set(predictor.bundle.files)) == 1
    assert set(facts.ranges) == ({"temperature"} if kind == "fusion" else set())
    assert (done.thresholds, done.temperatures, done.warnings) == (
        facts.thresholds,
        facts.calibration.temperatures,
        facts.calibration.warnings,
    )
    assert done.parity["n"] == len(pixels.images)
    assert done.parity["max_difference"] < 1e-4 and done.parity["flips"] == 0
    with np.load(predictor.bundle.content / "reference.npz") as reference:
        assert reference["probabilities"].shape == reference["logits"].shape == pixels.truths.shape
        assert np.array_equal(reference["clinical"], np.zeros((24, 0)) if pixels.clinical is None else pixels.clinical)
        expected = reference["probabilities"]
    for number in (0, 1, 2):
        row = pixels.frame.iloc[number]
        given = {name: None if value != value else value for name, value in row.items()}
        values = {item.name: given.get(item.name, given.get(f"clinical_{item.name}")) for item in pixels.inputs}
        scored = predictor.score(make_raster(pixels.images[number]), values)
        assert np.array_equal(scored.probabilities, expected[number])
    assert json.loads(json.dumps(done.as_dict()))["bundle"] == predictor.bundle.digest
    assert not list((tmp_path / ".radloop" / "bundles" / case.name).glob(".staging*"))


def test_the_self_test_is_spread_over_the_answers(tmp_path: Path) -> None:
    case = CASES["multilabel"]
    _, predictor = packaged(tmp_path, case, make_pixels(case))
    with (
        np.load(predictor.bundle.content / "selftest.npz") as archive,
        np.load(predictor.bundle.content / "reference.npz") as all_,
    ):
        assert archive["images"].shape == (4, SIZE, SIZE)
        chosen, known = archive["probabilities"].max(axis=1), all_["probabilities"].max(axis=1)
    assert (chosen[0], chosen[-1]) == (known.min(), known.max())


def test_an_empty_calibrate_is_refused(tmp_path: Path) -> None:
    pixels = make_pixels(CASES["binary"])
    pixels.frame["split"] = "train"
    with pytest.raises(Refusal) as caught:
        packaged(tmp_path, CASES["binary"], pixels)
    assert caught.value.code == "calibrate_empty"
