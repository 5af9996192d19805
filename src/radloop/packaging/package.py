"""Packaging: the best trial becomes a sealed bundle, its operating point fitted on `calibrate`."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radloop.data.versions import DataVersion
from radloop.errors import Refusal
from radloop.images.quality import quality
from radloop.inference.bundle import (
    CONTENT,
    BundleFacts,
    CalibrationFacts,
    DataFacts,
    EngineFacts,
    Network,
    OperatingPointFacts,
    TrainingFacts,
    seal_bundle,
    write_facts,
)
from radloop.inference.engine import Engine
from radloop.packaging.export import export
from radloop.packaging.parity import compare, trained_logits
from radloop.records.runs import Run
from radloop.records.seal import canonical
from radloop.settings import Settings
from radloop.statistics import thresholds
from radloop.statistics.calibration import apply_temperature, fit_temperature
from radloop.training.pixels import Pixels
from radloop.training.search import SearchResult, weights_file
from radloop.training.trial import load_trained
from radloop.use_case import Recipe, TargetSensitivity, UseCase

_SELF_TEST_IMAGES = 4


@dataclass(frozen=True)
class Packaged:
    """A sealed bundle.

    Attributes:
        bundle: its digest.
        parity: against the trained network, on `calibrate`.
    """

    bundle: str
    parity: dict[str, Any]
    temperature: float
    threshold: float

    def as_dict(self) -> dict[str, Any]:
        """Return the result as a run keeps it."""
        return asdict(self)


@dataclass(frozen=True)
class _Scored:
    """What the engine said of the images of `calibrate`: logits [n], embeddings [n, C]."""

    logits: NDArray[np.float64]
    embeddings: NDArray[np.float32]


def package(use_case: UseCase, data: DataVersion, search: SearchResult, pixels: Pixels, run: Run, settings: Settings) -> Packaged:
    """Export, fit, seal, and put the bundle in its place in one rename.

    Raises:
        Refusal: `calibrate` cannot tell a temperature or a threshold.
    """
    staging = settings.bundles / use_case.name / f".staging-{run.name}"
    shutil.rmtree(staging, ignore_errors=True)
    folder = staging / CONTENT
    folder.mkdir(parents=True)
    recipe = Recipe.model_validate_json(json.dumps(search.recipe))
    network = load_trained(weights_file(run, search), recipe)
    export(network, use_case.image.size, folder)
    rows = pixels.indices("calibrate")
    images, labels = np.asarray(pixels.images[rows]), pixels.labels[rows]
    scored = _score(folder, images, use_case.image.size)
    calibration, point = _fit(scored.logits, labels, use_case)
    parity = compare(trained_logits(network, images), scored.logits, calibration.temperature, point.threshold)
    probabilities = apply_temperature(scored.logits, calibration.temperature)
    _write_reference(folder, pixels, rows, scored, probabilities)
    _write_self_test(folder, images, probabilities)
    write_facts(folder, _facts(use_case, data, search, recipe, calibration, point))
    sealed = seal_bundle(folder, settings.bundles)
    shutil.rmtree(staging, ignore_errors=True)
    numbers = parity.as_dict() if parity.n else {"n": 0, "max_difference": None, "flips": None}
    return Packaged(sealed.digest, numbers, calibration.temperature, point.threshold)


def _score(folder: Path, images: NDArray[np.uint8], size: int) -> _Scored:
    engine = Engine(folder, size)
    outputs = [engine.run(image) for image in images]
    logits = np.asarray([output.logit for output in outputs], dtype=np.float64)
    return _Scored(logits, np.asarray([output.embedding for output in outputs], dtype=np.float32))


def _fit(
    logits: NDArray[np.float64], labels: NDArray[np.int64], use_case: UseCase
) -> tuple[CalibrationFacts, OperatingPointFacts]:
    if len(set(labels.tolist())) < 2:
        raise Refusal(
            "calibrate_one_class",
            "calibrate holds one class only: no threshold can be fitted",
            "ingest a source with both labels in calibrate",
        )
    temperature = fit_temperature(logits, labels).value
    asked = use_case.operating_point
    policy = thresholds.TargetSensitivity(asked.value) if isinstance(asked, TargetSensitivity) else thresholds.Youden()
    threshold = thresholds.fit_threshold(apply_temperature(logits, temperature), labels, policy)
    calibration = CalibrationFacts(method="temperature", temperature=float(temperature), n=len(labels))
    return calibration, OperatingPointFacts(threshold=float(threshold.value), policy=asked, n=len(labels))


def _write_reference(
    folder: Path, pixels: Pixels, rows: NDArray[np.int64], scored: _Scored, probabilities: NDArray[np.float64]
) -> None:
    """Keep what monitoring compares with: embeddings, scores, image quality and subgroup counts of `calibrate`."""
    qualities = [asdict(quality(np.asarray(pixels.images[row]))) for row in rows]
    names = sorted(qualities[0])
    table = np.asarray([[item[name] for name in names] for item in qualities], dtype=np.float64)
    np.savez(
        folder / "reference.npz", embeddings=scored.embeddings, logits=scored.logits, probabilities=probabilities, quality=table
    )
    part = pixels.frame.iloc[rows]
    counts = {
        column: dict(sorted(Counter(str(value) for value in part[column].fillna("unknown")).items()))
        for column in ("sex", "site", "view")
    }
    (folder / "reference.json").write_bytes(canonical({"n": len(rows), "quality": names, "counts": counts}))


def _write_self_test(folder: Path, images: NDArray[np.uint8], probabilities: NDArray[np.float64]) -> None:
    """Keep a few images with their answers: a loader that gets others is not running this model.

    They are spread over the range of answers, and are preprocessed pixels without any identifier.
    """
    order = np.argsort(probabilities, kind="stable")
    chosen = order[np.linspace(0, len(order) - 1, _SELF_TEST_IMAGES).astype(np.int64)]
    np.savez(folder / "selftest.npz", images=images[chosen], probabilities=probabilities[chosen])


def _facts(
    use_case: UseCase,
    data: DataVersion,
    search: SearchResult,
    recipe: Recipe,
    calibration: CalibrationFacts,
    point: OperatingPointFacts,
) -> BundleFacts:
    return BundleFacts(
        use_case=use_case.name,
        title=use_case.title,
        synthetic=use_case.synthetic,
        intended_use=use_case.intended_use,
        labels=use_case.binary,
        image=use_case.image,
        network=Network(backbone=recipe.backbone, size=use_case.image.size),
        engine=EngineFacts(kind="openvino", precision="f32"),
        calibration=calibration,
        operating_point=point,
        data=DataFacts(version=data.version, entry=data.entry),
        training=TrainingFacts(run_id=search.run_id, trial=search.trial, seed=search.seed),
        software={name: metadata.version(name) for name in ("openvino", "torch", "lightning", "radloop")},
    )
