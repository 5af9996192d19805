"""The bundle: the immutable folder that is judged, approved and served.

::

    <bundles>/<use case>/<64 hexadecimal digits>/
        bundle/            digested; the digest is the name of the folder above
            bundle.json    the facts below, canonical JSON
            model.xml, model.bin    OpenVINO; or
            model.onnx     ONNX Runtime
            selftest.npz   a few images and clinical values, and what they must give
            reference.npz, reference.json    what drift is measured against
            familiar.npz   what embeddings are familiar, where that could be fitted
        evidence.json      sealed; how the bundle was made and judged
        approval.json      sealed; a named person's decision
        approval.sig       where keys are on: its signature

The network takes `image` uint8 [1, 1, size, size] (normalisation is inside) and, where clinical values join it,
`clinical` float32 [1, D]; it gives `logits` float32 [1, K], `embedding` float32 [1, C] and `cam` float32
[1, K, h, w], and where it has such heads `grades` float32 [1, G - 1], the probabilities of a level above each
but the last, and `mask` float32 [1, 1, h, w], the probability of the region at each place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from radloop.clinical import ClinicalInput
from radloop.errors import IntegrityError
from radloop.inference.conformal import ConformalFacts
from radloop.inference.familiarity import FamiliarityFacts
from radloop.inference.group_thresholds import Cuts, GroupThresholds
from radloop.inference.precision import Precision, PrecisionFacts
from radloop.records.seal import canonical, digest_bytes, digest_document, digest_files, write_atomic
from radloop.use_case import (
    USE_CASE_PATTERN,
    EngineKind,
    ImageSpec,
    IntendedUse,
    Labels,
    Location,
    OperatingPoint,
    Section,
    Severity,
)

CONTENT = "bundle"
FACTS = "bundle.json"
MODEL = "model.xml"
WEIGHTS = "model.bin"
GRAPH = "model.onnx"
SELFTEST = "selftest.npz"
EVIDENCE = "evidence.json"
APPROVAL = "approval.json"
SIGNATURE = "approval.sig"

NETWORK_FILES: Mapping[EngineKind, tuple[str, ...]] = {"openvino": (MODEL, WEIGHTS), "onnxruntime": (GRAPH,)}
"""The network's files, by what runs it; the last holds the weights."""

DIGEST_PATTERN = r"^sha256:[0-9a-f]{64}$"


class Network(Section):
    """What was exported."""

    backbone: str
    size: int = Field(ge=1)
    """Side of the input, pixels."""


class EngineFacts(Section):
    """What runs the network, and in which arithmetic."""

    kind: EngineKind = "openvino"
    precision: Precision = "f32"
    """A processor that does not compute in bf16 itself runs the network in f32."""

    @model_validator(mode="after")
    def _onnxruntime_computes_in_f32(self) -> EngineFacts:
        if self.kind == "onnxruntime" and self.precision != "f32":
            raise ValueError("onnxruntime computes in f32 only")
        return self


class CalibrationFacts(Section):
    """How logits become probabilities, fitted on `calibrate`."""

    method: Literal["temperature"] = "temperature"
    temperatures: tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...] = Field(min_length=1)
    """One for all classes of which an image has exactly one; otherwise one an output."""
    n: int = Field(ge=0)
    """Images of `calibrate`."""
    warnings: tuple[str, ...] = ()
    """What the fit could not tell, each a stable code, a colon and a sentence."""


class OperatingPointFacts(Section):
    """The threshold of one output, and the rule that set it on `calibrate`."""

    label: str
    threshold: float | None = Field(ge=0, le=1, allow_inf_nan=False)
    """None where `calibrate` could not tell: the output has a probability and no decision."""
    policy: OperatingPoint | None = None
    """None where nothing was fitted: a region is decided at one half."""
    n: int = Field(ge=0)
    """Images of `calibrate` whose truth is known."""


class ClinicalRange(Section):
    """What a clinical number may be."""

    unit: str | None = None
    low: float | None = None
    high: float | None = None


class DataFacts(Section):
    """The data version, and the `data.dvc` entry that restores its bytes."""

    version: str
    entry: dict[str, Any]


class TrainingFacts(Section):
    """Which trial of which run."""

    run_id: str
    trial: int
    seed: int


class BundleFacts(Section):
    """Everything that serving needs to know beside the network."""

    schema_version: Literal[2] = 2
    use_case: str = Field(pattern=USE_CASE_PATTERN)
    title: str
    synthetic: bool
    intended_use: IntendedUse
    labels: Labels
    outputs: tuple[str, ...] = Field(min_length=1)
    """The label of each of the K logits."""
    severity: Severity | None = None
    location: Location | None = None
    clinical: tuple[ClinicalInput, ...] = ()
    """The clinical values that the network takes, in its order."""
    ranges: dict[str, ClinicalRange] = Field(default={})
    """Of the numbers among them, by name."""
    image: ImageSpec
    network: Network
    engine: EngineFacts = EngineFacts()
    precision: PrecisionFacts | None = None
    """Why the engine has its precision; None in a bundle that was made before there was a choice."""
    calibration: CalibrationFacts
    operating_points: tuple[OperatingPointFacts, ...]
    """One an output; none where the most probable class is the answer."""
    groups: GroupThresholds | None = None
    """The thresholds that take their place where the YAML asks for one a group."""
    conformal: ConformalFacts | None = None
    """None where only a region is outlined."""
    familiarity: FamiliarityFacts | None = None
    """None where too few images were held out to say what is familiar."""
    data: DataFacts
    training: TrainingFacts
    software: dict[str, str]

    @model_validator(mode="after")
    def _parts_fit_together(self) -> BundleFacts:
        alone = self.labels.kind == "multiclass"
        if not set(self.outputs) <= set(self.labels.words):
            raise ValueError("outputs names what labels does not")
        if len(self.calibration.temperatures) != (1 if alone else len(self.outputs)):
            raise ValueError(f"{len(self.calibration.temperatures)} temperatures for {len(self.outputs)} outputs")
        if [point.label for point in self.operating_points] != ([] if alone else list(self.outputs)):
            raise ValueError("operating_points are not those of the outputs")
        if self.conformal is not None and len(self.conformal.present) != len(self.outputs):
            raise ValueError("conformal has not as many limits as there are outputs")
        if self.groups is not None and len(self.groups.unknown) != len(self.outputs):
            raise ValueError("groups have not as many thresholds as there are outputs")
        return self

    @property
    def thresholds(self) -> tuple[float | None, ...]:
        """Return the threshold of each output; None where it has none."""
        return tuple(point.threshold for point in self.operating_points) or (None,) * len(self.outputs)

    def cuts(self, clinical: Mapping[str, Any]) -> Cuts:
        """Return the thresholds of one patient, by the clinical values that are known."""
        return self.thresholds if self.groups is None else self.groups.of(self.groups.word(clinical))

    @property
    def width(self) -> int:
        """Return D, how many numbers the network's clinical input has."""
        return sum(item.width for item in self.clinical)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle on disk whose digest was computed, not believed.

    Attributes:
        facts: its `bundle.json`.
        folder: the folder named by the digest; evidence and approval lie in it.
        digest: `sha256:` and 64 hexadecimal digits.
        files: the digest of every file of it by relative path, of which `digest` is made.
    """

    facts: BundleFacts
    folder: Path
    digest: str
    files: Mapping[str, str] = field(repr=False)

    @property
    def content(self) -> Path:
        """Return the digested folder."""
        return self.folder / CONTENT

    def read(self, name: str) -> bytes:
        """Return a file's bytes, which are those that were digested, whatever became of the file since.

        Raises:
            IntegrityError: `missing_bundle` or `tampered_bundle`: they are not there any more.
        """
        return _digested(self.content, name, self.files)


def write_facts(content: Path, facts: BundleFacts) -> None:
    """Write `bundle.json` into the folder that will be digested."""
    write_atomic(content / FACTS, canonical(facts.model_dump(mode="json")))


def read_facts(content: Path, files: Mapping[str, str] | None = None) -> BundleFacts:
    """Read `bundle.json` of a digested folder.

    Args:
        content: the folder.
        files: the digests of its files, where it must be the one that was digested.

    Raises:
        IntegrityError: `missing_bundle` or `tampered_bundle`.
    """
    try:
        return BundleFacts.model_validate_json(_digested(content, FACTS, files))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "its JSON"
        raise IntegrityError(
            "tampered_bundle",
            f"bundle: {FACTS} is not a bundle's facts ({where})",
            "restore the bundle from its copy in MLflow, or package again",
        ) from None


def _digested(content: Path, name: str, files: Mapping[str, str] | None) -> bytes:
    """Return the bytes of a file; with digests only those that were digested."""
    try:
        found = (content / name).read_bytes()
    except OSError as error:
        raise IntegrityError(
            "missing_bundle", f"bundle: {name} is missing", "restore the bundle from its copy in MLflow"
        ) from error
    if files is not None and digest_bytes(found) != files.get(name):
        raise IntegrityError(
            "tampered_bundle", f"bundle: {name} changed while it was read", "restore the bundle from its copy in MLflow"
        )
    return found


def bundle_folder(bundles: Path, use_case: str, digest: str) -> Path:
    """Return where a bundle lies.

    Raises:
        IntegrityError: `invalid_digest`: a name or digest that could point outside the folder.
    """
    if not re.fullmatch(USE_CASE_PATTERN, use_case) or not re.fullmatch(DIGEST_PATTERN, digest):
        raise IntegrityError("invalid_digest", "a bundle is named by a use case and sha256:<64 hexadecimal digits>")
    return bundles / use_case / digest.removeprefix("sha256:")


def seal_bundle(content: Path, bundles: Path) -> Bundle:
    """Move a finished content folder to its place under its digest; the same content lands once.

    Args:
        content: a complete bundle folder on the same file system as `bundles`.
        bundles: the folder of all bundles.
    """
    files = digest_files(content)
    facts, digest = read_facts(content, files), digest_document(files)
    folder = bundle_folder(bundles, facts.use_case, digest)
    if not (folder / CONTENT).exists():
        folder.mkdir(parents=True, exist_ok=True)
        content.rename(folder / CONTENT)
    return Bundle(facts=facts, folder=folder, digest=digest, files=files)
