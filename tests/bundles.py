"""Real bundles for tests: a tiny torch network, exported, sealed, judged and approved as in production.

Nothing is mocked: what is shortened is the network and its training, not the format.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from radloop.images.header import Header
from radloop.inference import bundle as form
from radloop.inference.bundle import BundleFacts
from radloop.inference.calibration import probability
from radloop.inference.engine import Engine
from radloop.inference.runtime import load_openvino
from radloop.inference.verification import bundle_files
from radloop.records.seal import canonical, digest_folder, write_atomic, write_sealed
from radloop.use_case import BinaryLabels, ImageSpec, IntendedUse, TargetSensitivity

openvino = load_openvino()
SIZE = 64


class TinyNetwork(nn.Module):
    """Two convolutions and a linear head with its exact Grad-CAM, in the form of every exported network."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.first, self.second = nn.Conv2d(1, 4, 3, stride=4, padding=1), nn.Conv2d(4, 8, 3, stride=2, padding=1)
        self.head = nn.Linear(8, 1)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits [1, 1], embedding [1, 8] and cam [1, 1, h, w] of an image uint8 [1, 1, H, W]."""
        normal = image.float() / 127.5 - 1.0
        maps = torch.relu(self.second(torch.relu(self.first(normal))))
        embedding = maps.mean(dim=(2, 3))
        weights = self.head.weight.reshape(1, -1, 1, 1) / 64.0  # the maps are 8 x 8
        cam = torch.relu((maps * weights).sum(dim=1, keepdim=True))
        return self.head(embedding), embedding, cam


@cache
def exported(seed: int, size: int = SIZE) -> tuple[bytes, bytes]:
    """Return model.xml and model.bin of a network."""
    example = torch.zeros((1, 1, size, size), dtype=torch.uint8)
    shape = ("image", [1, 1, size, size], openvino.Type.u8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the converter traces, which torch deprecates
        model = openvino.convert_model(TinyNetwork(seed).eval(), example_input=example, input=[shape])
    model.inputs[0].get_tensor().set_names({"image"})
    for port, name in zip(model.outputs, ("logits", "embedding", "cam"), strict=True):
        port.get_tensor().set_names({name})
    with tempfile.TemporaryDirectory() as folder:
        openvino.save_model(model, f"{folder}/model.xml", compress_to_fp16=False)
        return Path(folder, "model.xml").read_bytes(), Path(folder, "model.bin").read_bytes()


def make_facts(**changes: Any) -> BundleFacts:
    """Return a bundle's facts; keywords replace members."""
    facts = BundleFacts(
        use_case="tb-cxr",
        title="Tuberculosis on the chest radiograph",
        synthetic=False,
        intended_use=IntendedUse(statement="Adults, frontal view.", age=(18.0, 100.0)),
        labels=BinaryLabels(positive="tuberculosis", negative="normal"),
        image=ImageSpec(modalities=("CR", "DX"), body_parts=("CHEST",), size=SIZE),
        network=form.Network(backbone="tiny", size=SIZE),
        calibration=form.CalibrationFacts(temperature=1.5, n=70),
        operating_point=form.OperatingPointFacts(threshold=0.42, policy=TargetSensitivity(value=0.9), n=70),
        data=form.DataFacts(version="9f3c.dir", entry={"md5": "9f3c.dir", "path": "tb-cxr"}),
        training=form.TrainingFacts(run_id="run", trial=1, seed=7),
        software={"openvino": openvino.__version__},
    )
    return BundleFacts.model_validate(facts.model_dump() | changes)


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


def make_bundle(
    bundles: Path, *, seed: int = 1, version: int = 1, approve: bool = True, selftest_shift: float = 0.0, **changes: Any
) -> Path:
    """Make a sealed bundle and, if asked, its evidence and approval.

    Args:
        bundles: the folder of all bundles.
        seed: of the network's weights.
        version: of the registered model.
        approve: write `evidence.json` and `approval.json`.
        selftest_shift: added to the self-test's probabilities, to make one that fails.
        changes: members of the facts.

    Returns:
        the folder named by the digest.
    """
    facts = make_facts(**changes)
    staging = bundles / f".staging-{seed}-{version}-{selftest_shift}"
    staging.mkdir(parents=True)
    write_atomic(staging / form.MODEL, exported(seed)[0])
    write_atomic(staging / form.WEIGHTS, exported(seed)[1])
    form.write_facts(staging, facts)
    images = make_images(4, seed)
    engine = Engine(staging, SIZE, streams=1)
    probabilities = probability([engine.run(image).logit for image in images], facts.calibration.temperature)
    np.savez(staging / form.SELFTEST, images=images, probabilities=probabilities + selftest_shift)
    np.savez(staging / "reference.npz", embeddings=np.zeros((2, 8), np.float32))
    write_atomic(staging / "reference.json", canonical({"n": 2}))
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
        "bundle": {"digest": digest_folder(content), "files": bundle_files(content)},
        "verdict": "passed",
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
