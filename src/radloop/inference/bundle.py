"""The bundle: the immutable folder that is judged, approved and served.

::

    <bundles>/<use case>/<64 hexadecimal digits>/
        bundle/            digested; the digest is the name of the folder above
            bundle.json    the facts below, canonical JSON
            model.xml, model.bin    OpenVINO
            selftest.npz   images uint8 [n, size, size], probabilities float64 [n]
            reference.npz, reference.json    what drift is measured against
        evidence.json      sealed; how the bundle was made and judged
        approval.json      sealed; a named person's decision

The network takes `image` uint8 [1, 1, size, size] (normalisation is inside) and gives `logits`
float32 [1, 1] (the positive label's), `embedding` float32 [1, C] and `cam` float32 [1, 1, h, w].
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from radloop.errors import IntegrityError
from radloop.records.seal import canonical, digest_folder, write_atomic
from radloop.use_case import BinaryLabels, ImageSpec, IntendedUse, OperatingPoint, Section

CONTENT = "bundle"
FACTS = "bundle.json"
MODEL = "model.xml"
WEIGHTS = "model.bin"
SELFTEST = "selftest.npz"
EVIDENCE = "evidence.json"
APPROVAL = "approval.json"

DIGEST_PATTERN = r"^sha256:[0-9a-f]{64}$"
USE_CASE_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"


class Network(Section):
    """What was exported."""

    backbone: str
    size: int = Field(ge=1)
    """Side of the input, pixels."""


class EngineFacts(Section):
    """What runs the network, and in which arithmetic."""

    kind: Literal["openvino"] = "openvino"
    precision: Literal["f32"] = "f32"


class CalibrationFacts(Section):
    """How a logit becomes a probability, fitted on `calibrate`."""

    method: Literal["temperature"] = "temperature"
    temperature: float = Field(gt=0, allow_inf_nan=False)
    n: int = Field(ge=0)


class OperatingPointFacts(Section):
    """The threshold, and the rule that set it on `calibrate`."""

    threshold: float = Field(ge=0, le=1, allow_inf_nan=False)
    policy: OperatingPoint
    n: int = Field(ge=0)


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

    schema_version: Literal[1] = 1
    use_case: str = Field(pattern=USE_CASE_PATTERN)
    title: str
    synthetic: bool
    intended_use: IntendedUse
    labels: BinaryLabels
    image: ImageSpec
    network: Network
    engine: EngineFacts = EngineFacts()
    calibration: CalibrationFacts
    operating_point: OperatingPointFacts
    data: DataFacts
    training: TrainingFacts
    software: dict[str, str]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle on disk whose digest was computed, not believed.

    Attributes:
        facts: its `bundle.json`.
        folder: the folder named by the digest; evidence and approval lie in it.
        digest: `sha256:` and 64 hexadecimal digits.
    """

    facts: BundleFacts
    folder: Path
    digest: str

    @property
    def content(self) -> Path:
        """Return the digested folder."""
        return self.folder / CONTENT


def write_facts(content: Path, facts: BundleFacts) -> None:
    """Write `bundle.json` into the folder that will be digested."""
    write_atomic(content / FACTS, canonical(facts.model_dump(mode="json")))


def read_facts(content: Path) -> BundleFacts:
    """Read `bundle.json` of a digested folder.

    Raises:
        IntegrityError: `missing_bundle` or `tampered_bundle`.
    """
    path = content / FACTS
    if not path.is_file():
        raise IntegrityError("missing_bundle", f"bundle: {FACTS} is missing", "restore the bundle from its copy in MLflow")
    try:
        return BundleFacts.model_validate_json(path.read_bytes())
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "its JSON"
        raise IntegrityError(
            "tampered_bundle",
            f"bundle: {FACTS} is not a bundle's facts ({where})",
            "restore the bundle from its copy in MLflow, or package again",
        ) from None


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
    facts = read_facts(content)
    digest = digest_folder(content)
    folder = bundle_folder(bundles, facts.use_case, digest)
    if not (folder / CONTENT).exists():
        folder.mkdir(parents=True, exist_ok=True)
        content.rename(folder / CONTENT)
    return Bundle(facts=facts, folder=folder, digest=digest)
