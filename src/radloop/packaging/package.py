"""Packaging: the best trial becomes a sealed bundle, its operating point fitted on `calibrate`."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radloop.clinical import ClinicalInput
from radloop.data.versions import DataVersion
from radloop.errors import Refusal
from radloop.images.quality import QUALITY
from radloop.inference.bundle import (
    CONTENT,
    SELFTEST,
    BundleFacts,
    ClinicalRange,
    DataFacts,
    EngineFacts,
    Network,
    TrainingFacts,
    seal_bundle,
    write_facts,
)
from radloop.inference.calibration import probabilities
from radloop.inference.engine import Engine, Output
from radloop.inference.engines import load_runtime, open_engine
from radloop.inference.familiarity import write_familiar
from radloop.inference.group_thresholds import Cuts
from radloop.inference.precision import PrecisionFacts, runs_natively
from radloop.inference.selftest import IN_F32, answers
from radloop.packaging.export import export
from radloop.packaging.familiarity import Familiarity, fit_familiarity
from radloop.packaging.fitting import Fitted, fit, fit_conformal, fit_groups
from radloop.packaging.parity import compare
from radloop.packaging.precision import Said, agreement, asked, served_said, spread, trained_said
from radloop.records.runs import Run
from radloop.records.seal import canonical
from radloop.settings import Settings
from radloop.stopwatch import Stopwatch
from radloop.training.pixels import Pixels
from radloop.training.result import SearchResult
from radloop.training.trained import load_trained, weights_file
from radloop.use_case import EngineKind, Recipe, UseCase

_SELF_TEST_IMAGES = 4


@dataclass(frozen=True)
class Packaged:
    """A sealed bundle.

    Attributes:
        bundle: its digest.
        parity: against the trained network, on `calibrate`.
        temperatures: as in the bundle's facts.
        thresholds: one an output; None where it has none.
        warnings: what `calibrate` could not tell.
        asked_seconds: time in which the networks were asked about images.
    """

    bundle: str
    parity: dict[str, Any]
    temperatures: tuple[float, ...]
    thresholds: tuple[float | None, ...]
    warnings: tuple[str, ...]
    asked_seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return the result as a run keeps it."""
        return asdict(self)


@dataclass(frozen=True)
class _Calibrate:
    """The images of `calibrate` as the engine takes them, n of them.

    Attributes:
        frame: their rows of the manifest.
        images: uint8 [n, S, S].
        clinical: float32 [n, D].
        truths: float32 [n, K].
    """

    frame: pd.DataFrame
    images: NDArray[np.uint8]
    clinical: NDArray[np.float32]
    truths: NDArray[np.float32]


@dataclass(frozen=True)
class _Rows:
    """Rows of the manifest, each kind in order: no network is asked about one twice.

    Attributes:
        all: those that any network is asked about.
        calibrate: what everything is fitted on.
        compared: what a lower precision is judged on; none where none is tried.
    """

    all: NDArray[np.int64]
    calibrate: NDArray[np.int64]
    compared: NDArray[np.int64]

    def places(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where some of the rows stand among all."""
        return np.searchsorted(self.all, rows)


@dataclass(frozen=True)
class _Scored:
    """What the engine said of the images of `calibrate`: logits [n, K], embeddings [n, C]."""

    logits: NDArray[np.float64]
    embeddings: NDArray[np.float32]


def package(use_case: UseCase, data: DataVersion, search: SearchResult, pixels: Pixels, run: Run, settings: Settings) -> Packaged:
    """Export, fit, seal, and put the bundle in its place in one rename.

    Raises:
        Refusal: `calibrate` is empty, or cannot tell a temperature or a threshold.
        ToolError: `incomplete_installation`: what writes or runs the graph is not installed.
    """
    cases = _calibrate(pixels)
    staging = settings.bundles / use_case.name / f".staging-{run.name}"
    shutil.rmtree(staging, ignore_errors=True)
    folder = staging / CONTENT
    folder.mkdir(parents=True)
    recipe = Recipe.model_validate_json(json.dumps(search.recipe))
    network = load_trained(weights_file(run, search), use_case, recipe, pixels.inputs)
    kind = use_case.serving.engine
    export(network, use_case.image.size, cases.clinical.shape[1], folder, kind)
    plain = open_engine(kind, folder, use_case.image.size)

    def fitted_to(scored: _Scored, engine: Engine) -> BundleFacts:
        fitted = fit(scored.logits, cases.truths, use_case)
        facts = _facts(use_case, data, search, recipe, pixels.inputs, fitted)
        return facts.model_copy(
            update={
                "engine": EngineFacts(kind=engine.kind, precision=engine.precision),
                "groups": fit_groups(scored.logits, cases.truths, cases.frame, use_case, fitted),
                "conformal": fit_conformal(scored.logits, cases.truths, use_case, fitted),
            }
        )

    kept = _kept_plain(use_case)
    rows = _rows(pixels, lower=kept is None)
    clock = Stopwatch()
    with clock:
        trained = trained_said(network, pixels, rows.all)
    engine, scored, facts = _chosen(plain, kept, trained, pixels, rows, fitted_to, clock)
    known = fit_familiarity(engine, pixels, use_case.search.seed)
    if known is not None:
        write_familiar(folder, known.familiar)
    facts = facts.model_copy(update={"familiarity": None if known is None else known.facts})
    engine.check(facts)
    labels, temperatures = facts.labels.kind, facts.calibration.temperatures
    # Of the export: what a lower precision changes is in the facts and, on `test`, a row of the gate by itself.
    exported = scored if engine is plain else _score(plain, pixels, rows.calibrate, clock)
    parity = compare(
        trained.of(rows.places(rows.calibrate)).logits, exported.logits, labels, temperatures, _cuts(facts, cases.frame)
    )
    chances = probabilities(scored.logits, labels, temperatures)
    _write_reference(folder, cases, scored, chances, _admitted(scored, known), use_case)
    _write_self_test(folder, cases, chances, engine, plain, facts)
    write_facts(folder, facts)
    sealed = seal_bundle(folder, settings.bundles)
    shutil.rmtree(staging, ignore_errors=True)
    warnings = facts.calibration.warnings
    return Packaged(sealed.digest, parity.as_dict(), temperatures, facts.thresholds, warnings, round(clock.seconds, 3))


def _rows(pixels: Pixels, *, lower: bool) -> _Rows:
    """Return the rows that are asked about; `lower` says whether a lower precision is tried."""
    calibrate = pixels.indices("calibrate")
    held = np.sort(np.concatenate([pixels.indices("tune"), calibrate]))
    compared = spread(held) if lower else calibrate[:0]
    return _Rows(np.union1d(calibrate, compared), calibrate, compared)


def _chosen(
    plain: Engine,
    kept: str | None,
    trained: Said,
    pixels: Pixels,
    rows: _Rows,
    fitted_to: Callable[[_Scored, Engine], BundleFacts],
    clock: Stopwatch,
) -> tuple[Engine, _Scored, BundleFacts]:
    """Return the engine in the precision that it has earned, what it said, and the facts fitted to that.

    Args:
        plain: the engine in 32 bits.
        kept: why no other is tried.
        trained: what the trained network said of all the rows.
        pixels: of the data version.
        rows: the images that are asked about.
        fitted_to: fits everything to what an engine said.
        clock: runs while an engine is asked.
    """
    tried: dict[str, Any] = {}
    if kept is None:
        fast = open_engine(plain.kind, plain.content, plain.size, precision="bf16")
        with clock:
            outputs = asked(fast, pixels, rows.all)
        scored = _scored([outputs[place] for place in rows.places(rows.calibrate)])
        facts = fitted_to(scored, fast)
        compared = rows.places(rows.compared)
        served = served_said([outputs[place] for place in compared])
        found = agreement(trained.of(compared), served, facts, pixels, rows.compared)
        kept, tried = found.objection(), {"tried": "bf16", "agreement": found}
        if kept is None:
            said = PrecisionFacts(reason="bf16 keeps to the trained network on tune and calibrate", **tried)
            return fast, scored, facts.model_copy(update={"precision": said})
    scored = _score(plain, pixels, rows.calibrate, clock)
    facts = fitted_to(scored, plain).model_copy(update={"precision": PrecisionFacts(reason=kept, **tried)})
    return plain, scored, facts


def _kept_plain(use_case: UseCase) -> str | None:
    """Return why nothing but 32 bits is tried; None where bf16 is."""
    if use_case.serving.engine == "onnxruntime":
        return "ONNX Runtime serves in f32 only"
    if use_case.serving.precision == "f32":
        return "the use case asks for f32"
    if not runs_natively("bf16"):
        return "the processor that packaged it has no bf16 of its own"
    return None


def _cuts(facts: BundleFacts, frame: pd.DataFrame) -> list[Cuts]:
    """Return the thresholds of each patient of a frame."""
    known = zip(frame["age"], frame["sex"], strict=True)
    return [facts.cuts({"age": age, "sex": sex}) for age, sex in known]


def _calibrate(pixels: Pixels) -> _Calibrate:
    rows = pixels.indices("calibrate")
    if not len(rows):
        raise Refusal("calibrate_empty", "calibrate holds no image", "ingest a source with images in calibrate")
    clinical = np.zeros((len(rows), 0), np.float32) if pixels.clinical is None else pixels.clinical[rows]
    return _Calibrate(pixels.frame.iloc[rows], np.asarray(pixels.images[rows]), clinical, pixels.truths[rows])


def _score(engine: Engine, pixels: Pixels, rows: NDArray[np.int64], clock: Stopwatch) -> _Scored:
    with clock:
        return _scored(asked(engine, pixels, rows))


def _scored(outputs: list[Output]) -> _Scored:
    return _Scored(np.stack([output.logits for output in outputs]), np.stack([output.embedding for output in outputs]))


def _admitted(scored: _Scored, known: Familiarity | None) -> NDArray[np.bool_]:
    """Return which images of `calibrate` the bundle would answer for: those that it is familiar with."""
    if known is None:
        return np.ones(len(scored.embeddings), dtype=np.bool_)
    return np.asarray(known.familiar.distance(scored.embeddings) <= known.facts.limit, dtype=np.bool_)


def _write_reference(
    folder: Path,
    cases: _Calibrate,
    scored: _Scored,
    chances: NDArray[np.float64],
    admitted: NDArray[np.bool_],
    use_case: UseCase,
) -> None:
    """Keep what monitoring compares with `calibrate`: embeddings, scores, clinical values, image quality, subgroup counts.

    Quality is that of the images as they came, which is what the service measures. Patients are numbered, so that one image of
    each can be taken, and counted once, by their first image that the bundle would answer for.
    """
    np.savez(
        folder / "reference.npz",
        embeddings=scored.embeddings,
        logits=scored.logits,
        probabilities=chances,
        clinical=cases.clinical,
        quality=cases.frame[list(QUALITY)].to_numpy(dtype=np.float64),
        admitted=admitted,
        patients=np.unique(cases.frame["patient"].to_numpy(dtype=str), return_inverse=True)[1].astype(np.int64),
    )
    patients = cases.frame[admitted].drop_duplicates("patient")
    columns = {column: patients[column] for column in ("sex", "site", "view")}
    columns["age_band"] = patients["age"].map(use_case.subgroups.age_band)
    counts = {
        column: dict(sorted(Counter(str(value) for value in values.fillna("unknown")).items()))
        for column, values in columns.items()
    }
    document = {"n": len(cases.images), "quality": list(QUALITY), "quality_of": "source", "counts": counts}
    (folder / "reference.json").write_bytes(canonical(document))


def _write_self_test(
    folder: Path, cases: _Calibrate, chances: NDArray[np.float64], engine: Engine, plain: Engine, facts: BundleFacts
) -> None:
    """Keep a few images with their answers: a loader that gets others is not running this model.

    They are spread over the range of answers, and are preprocessed pixels without any identifier. A processor without the
    engine's precision runs the plain one: what that gives is kept too.
    """
    order = np.argsort(chances.max(axis=1), kind="stable")
    chosen = order[np.linspace(0, len(order) - 1, _SELF_TEST_IMAGES).astype(np.int64)]
    images, clinical = cases.images[chosen], cases.clinical[chosen]
    arrays: dict[str, Any] = {"images": images, "clinical": clinical, **answers(engine, facts, images, clinical)}
    if engine is not plain:
        arrays |= {IN_F32 + name: array for name, array in answers(plain, facts, images, clinical).items()}
    np.savez(folder / SELFTEST, **arrays)


def _facts(
    use_case: UseCase,
    data: DataVersion,
    search: SearchResult,
    recipe: Recipe,
    inputs: tuple[ClinicalInput, ...],
    fitted: Fitted,
) -> BundleFacts:
    calibration, points = fitted
    numbers = {name: use_case.clinical[name] for name in use_case.clinical if not use_case.clinical[name].words}
    return BundleFacts(
        use_case=use_case.name,
        title=use_case.title,
        synthetic=use_case.synthetic,
        intended_use=use_case.intended_use,
        labels=use_case.labels,
        outputs=use_case.outputs,
        severity=use_case.severity,
        location=use_case.location,
        clinical=inputs,
        ranges={
            item.name: ClinicalRange(unit=spec.unit, low=spec.low, high=spec.high)
            for item in inputs
            if (spec := numbers.get(item.name)) is not None
        },
        image=use_case.image,
        network=Network(backbone=recipe.backbone, size=use_case.image.size),
        calibration=calibration,
        operating_points=points,
        data=DataFacts(version=data.version, entry=data.entry),
        training=TrainingFacts(run_id=search.run_id, trial=search.trial, seed=search.seed),
        software=_software(use_case.serving.engine),
    )


def _software(kind: EngineKind) -> dict[str, str]:
    """Return versions by name; ONNX Runtime is asked itself, for it is installed under several names."""
    if kind == "onnxruntime":
        runtime = {"onnxruntime": str(load_runtime(kind).__version__), "onnxscript": metadata.version("onnxscript")}
    else:
        runtime = {"openvino": metadata.version("openvino")}
    return runtime | {name: metadata.version(name) for name in ("torch", "lightning", "radloop")}
