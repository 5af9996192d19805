"""Real bundles for tests: a tiny torch network, exported, sealed, judged and approved as in production.

Nothing is mocked: what is shortened is the network and its training, not the format.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from radloop.clinical import SEXES, ClinicalInput
from radloop.images.header import Header
from radloop.inference import bundle as form
from radloop.inference.bundle import BundleFacts
from radloop.inference.engines import open_engine
from radloop.inference.runtime import load_openvino
from radloop.inference.selftest import IN_F32, answers
from radloop.models.network import Explained
from radloop.packaging.export import export
from radloop.records.seal import canonical, digest_files, digest_folder, write_atomic, write_sealed
from radloop.use_case import (
    BinaryLabels,
    ClassLabels,
    EngineKind,
    FindingLabels,
    ImageSpec,
    IntendedUse,
    Labels,
    Location,
    RegionLabels,
    Severity,
    TargetSensitivity,
)

openvino = load_openvino()
SIZE = 64

INPUTS = (
    ClinicalInput(name="age", mean=50.0, deviation=20.0),
    ClinicalInput(name="sex", words=SEXES),
    ClinicalInput(name="temperature", mean=37.0, deviation=1.0),
    ClinicalInput(name="intubated", words=("no", "yes")),
)
"""Eleven numbers: 2 + 4 + 2 + 3."""


class TinyNetwork(nn.Module):
    """Two convolutions and linear heads with their exact Grad-CAM, in the form of every network that is exported.

    Args:
        seed: of the weights.
        outputs: K.
        width: D of the clinical input; its values are added to the embedding.
        levels: of severity; 0 is none.
        mask: whether it locates: what is brighter than the middle grey.
        region: whether its one logit is the mask's largest.
    """

    def __init__(
        self, seed: int, outputs: int = 1, width: int = 0, levels: int = 0, mask: bool = False, region: bool = False
    ) -> None:
        super().__init__()
        self.region = region
        generator = torch.Generator().manual_seed(seed)
        self.first, self.second = nn.Conv2d(1, 4, 3, stride=4, padding=1), nn.Conv2d(4, 8, 3, stride=2, padding=1)
        self.head = nn.Linear(8, outputs)
        self.fusion = nn.Linear(width, 8, bias=False) if width else None
        self.severity = nn.Linear(8, 1) if levels else None
        self.mask = mask
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
        self.register_buffer("steps", torch.linspace(1.0, -1.0, max(levels - 1, 1)))

    def explain(self, image: Tensor, clinical: Tensor | None = None) -> Explained:
        """Return logits [1, K], embedding [1, 8], cam [1, K, 8, 8] and the rest for an image uint8 [1, 1, 64, 64]."""
        normal = image.float() / 127.5 - 1.0
        maps = torch.relu(self.second(torch.relu(self.first(normal))))
        embedding = maps.mean(dim=(2, 3))
        joined = embedding if self.fusion is None or clinical is None else embedding + self.fusion(clinical)
        weights = self.head.weight[:, :, None, None] / 64.0  # the maps are 8 x 8
        cam = torch.relu(nn.functional.conv2d(maps, weights))
        grades = None if self.severity is None else self.severity(joined) + self.steps
        mask = 12 * nn.functional.avg_pool2d(normal, 8) if self.mask else None
        logits = mask.amax(dim=(2, 3)) if self.region and mask is not None else self.head(joined)
        return Explained(logits, embedding, cam, grades, mask)


class CellNetwork(nn.Module):
    """Reads one cell of an 8 x 8 grid over the image, 0 the upper left corner, and says so in its heat map.

    Args:
        cell: its number, row by row.
        honest: whether the heat map comes from the weights; otherwise it is the image.
    """

    def __init__(self, cell: int, honest: bool = True) -> None:
        super().__init__()
        self.honest = honest
        self.head, self.map = nn.Linear(64, 1), nn.Linear(64, 64, bias=False)
        with torch.no_grad():
            self.head.weight.copy_(20.0 * torch.eye(64)[cell][None])
            self.head.bias.fill_(-10.0)
            self.map.weight.copy_(torch.diag(torch.eye(64)[cell]))

    def explain(self, image: Tensor, clinical: Tensor | None = None) -> Explained:  # noqa: ARG002 - the exporter's form
        """Return logits [1, 1], embedding [1, 64] and cam [1, 1, 8, 8] for an image uint8 [1, 1, 64, 64]."""
        cells = nn.functional.avg_pool2d(image.float() / 255.0, 8).flatten(1)
        cam = self.map(cells) if self.honest else cells
        return Explained(self.head(cells), cells, torch.relu(cam).reshape(1, 1, 8, 8), None, None)


@cache
def exported(kind: EngineKind, seed: int, *made: Any) -> tuple[bytes, ...]:
    """Return the files that an engine reads, by the real exporter; `made` as `TinyNetwork` takes it after the seed."""
    with tempfile.TemporaryDirectory() as folder:
        export(TinyNetwork(seed, *made), SIZE, made[1] if made else 0, Path(folder), kind)
        return tuple(Path(folder, name).read_bytes() for name in form.NETWORK_FILES[kind])


def form_of(facts: BundleFacts) -> tuple[int, int, int, bool, bool]:
    """Return what `TinyNetwork` takes after the seed, to be the network that facts describe."""
    levels = len(facts.severity.levels) if facts.severity else 0
    return len(facts.outputs), facts.width, levels, facts.location is not None, isinstance(facts.labels, RegionLabels)


def make_facts(**changes: Any) -> BundleFacts:
    """Return a bundle's facts, of a yes-or-no question unless `labels` says else; keywords replace members."""
    labels: Labels = changes.pop("labels", BinaryLabels(positive="tuberculosis", negative="normal"))
    outputs, temperatures, thresholds = _outputs(labels)
    policy = TargetSensitivity(value=0.9)
    facts = BundleFacts(
        use_case="tb-cxr",
        title="Tuberculosis on the chest radiograph",
        synthetic=False,
        intended_use=IntendedUse(statement="Adults, frontal view.", age=(18.0, 100.0)),
        labels=labels,
        outputs=outputs,
        image=ImageSpec(modalities=("CR", "DX"), body_parts=("CHEST",), size=SIZE),
        network=form.Network(backbone="tiny", size=SIZE),
        calibration=form.CalibrationFacts(temperatures=temperatures, n=70),
        operating_points=tuple(
            form.OperatingPointFacts(label=label, threshold=threshold, policy=policy, n=70)
            for label, threshold in zip(outputs, thresholds, strict=False)
        ),
        data=form.DataFacts(version="9f3c.dir", entry={"md5": "9f3c.dir", "path": "tb-cxr"}),
        training=form.TrainingFacts(run_id="run", trial=1, seed=7),
        software={"openvino": openvino.__version__},
    )
    return BundleFacts.model_validate(facts.model_dump() | changes)


def _outputs(labels: Labels) -> tuple[tuple[str, ...], tuple[float, ...], tuple[float | None, ...]]:
    """Return outputs, temperatures and thresholds; the last finding has no threshold."""
    if isinstance(labels, ClassLabels):
        return labels.classes, (1.5,), ()
    if isinstance(labels, FindingLabels):
        count = len(labels.findings)
        return labels.findings, tuple(1.0 + 0.5 * k for k in range(count)), (*(0.42,) * (count - 1), None)
    region = isinstance(labels, RegionLabels)
    return labels.words[1:], (1.0 if region else 1.5,), (0.5 if region else 0.42,)


KINDS: dict[str, dict[str, Any]] = {
    "binary": {},
    "multiclass": {
        "use_case": "brain-tumor-mri",
        "title": "Tumour on brain MRI",
        "labels": ClassLabels(kind="multiclass", classes=("glioma", "meningioma", "none", "pituitary")),
    },
    "multilabel": {
        "use_case": "thorax-cxr",
        "title": "Findings on the chest radiograph",
        "labels": FindingLabels(kind="multilabel", findings=("mass", "nodule", "effusion", "hernia"), none="none"),
    },
    "fusion": {
        "use_case": "covid-cxr",
        "title": "COVID-19 on the chest radiograph, with clinical values",
        "labels": BinaryLabels(positive="COVID-19", negative="other"),
        "severity": Severity(levels=("ward", "intensive care", "died"), cuts=(1.0, 2.0)),
        "clinical": INPUTS,
        "ranges": {"temperature": form.ClinicalRange(unit="Cel", low=30.0, high=45.0)},
    },
    "location": {
        "use_case": "kidney-stone-ct",
        "title": "Stone on CT of the kidneys",
        "labels": BinaryLabels(positive="stone", negative="normal"),
        "location": Location(stride=8),
    },
    "segmentation": {
        "use_case": "brain-tumor-mri-seg",
        "title": "Outline of a tumour on brain MRI",
        "labels": RegionLabels(kind="segmentation", target="tumour"),
        "location": Location(stride=8),
    },
}
"""Members of the facts of one bundle of every kind; `make_bundle(bundles, **KINDS["fusion"])`."""


def make_header(**changes: Any) -> Header:
    """Return the header of an adult's PA chest radiograph; keywords replace members."""
    members: dict[str, Any] = {
        "modality": "CR",
        "body_part": "CHEST",
        "view": "PA",
        "sex": "F",
        "age": 40.0,
        "photometric": "MONOCHROME2",
        "format": "dicom",
        "rows": 512,
        "columns": 512,
        "bits": 12,
    }
    return Header(**(members | changes))


def make_images(n: int, seed: int = 0, size: int = SIZE) -> NDArray[np.uint8]:
    """Return smooth random images uint8 [n, size, size]."""
    coarse = np.random.default_rng(seed).random((n, 8, 8))
    return (np.kron(coarse, np.ones((size // 8, size // 8))) * 255).astype(np.uint8)


def make_clinical(n: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    """Return clinical inputs float32 [n, width]."""
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


def make_bundle(
    bundles: Path,
    *,
    seed: int = 1,
    version: int = 1,
    approve: bool = True,
    selftest_shift: float = 0.0,
    network: nn.Module | None = None,
    size: int = SIZE,
    reference: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None,
    **changes: Any,
) -> Path:
    """Make a sealed bundle and, if asked, its evidence and approval.

    Args:
        bundles: the folder of all bundles.
        seed: of the network's weights.
        version: of the registered model.
        approve: write `evidence.json` and `approval.json`.
        network: in place of the tiny one; it must be one that the facts describe.
        size: side of its input; another one needs another network, and facts that say so.
        selftest_shift: added to the self-test's probabilities, to make one that fails.
        reference: arrays and document that drift is measured against.
        changes: members of the facts.

    Returns:
        the folder named by the digest.
    """
    facts = make_facts(**changes)
    kind = facts.engine.kind
    staging = bundles / f".staging-{seed}-{version}-{selftest_shift}"
    staging.mkdir(parents=True)
    if network is not None:
        export(network, size, facts.width, staging, kind)
    else:
        for name, content in zip(form.NETWORK_FILES[kind], exported(kind, seed, *form_of(facts)), strict=True):
            write_atomic(staging / name, content)
    form.write_facts(staging, facts)
    images, clinical = make_images(4, seed, size), make_clinical(4, facts.width, seed)
    expected = answers(open_engine(kind, staging, size, precision=facts.engine.precision, streams=1), facts, images, clinical)
    if facts.engine.precision != "f32":
        plain = answers(open_engine(kind, staging, size, streams=1), facts, images, clinical)
        expected |= {IN_F32 + name: array for name, array in plain.items()}
    expected["probabilities"] = expected["probabilities"] + selftest_shift
    np.savez(staging / form.SELFTEST, images=images, clinical=clinical, **expected)
    arrays, document = reference or ({"embeddings": np.zeros((2, 8), np.float32), "probabilities": np.zeros((2, 1))}, {"n": 2})
    np.savez(staging / "reference.npz", **arrays)
    write_atomic(staging / "reference.json", canonical(dict(document)))
    folder = form.seal_bundle(staging, bundles).folder
    if approve:
        write_evidence(folder)
        write_approval(folder, version)
    return folder


def write_evidence(folder: Path, **changes: Any) -> dict[str, Any]:
    """Write sealed evidence beside a bundle."""
    content = folder / form.CONTENT
    facts = json.loads((content / form.FACTS).read_bytes())
    document = {
        "schema_version": 1,
        "use_case": facts["use_case"],
        "bundle": {"digest": digest_folder(content), "files": digest_files(content)},
        "verdict": "passed",
        "explanations": {"method": "grad-cam", "sane": True, "reason": None},
    }
    return write_sealed(folder / form.EVIDENCE, document | changes)


def write_approval(folder: Path, version: int = 1, **changes: Any) -> dict[str, Any]:
    """Write a sealed approval of a bundle and its evidence."""
    evidence = json.loads((folder / form.EVIDENCE).read_bytes())
    document = {
        "schema_version": 1,
        "use_case": evidence["use_case"],
        "version": version,
        "bundle": f"sha256:{folder.name}",
        "evidence": evidence["seal"],
        "verdict": "passed",
        "decision": "approve",
        "by": "Dr. Reviewer",
        "note": "read",
        "time": "2026-01-01T00:00:00Z",
    }
    return write_sealed(folder / form.APPROVAL, document | changes)
