"""Bundles that know what is familiar: a backbone that was trained on ImageNet, a head that was not trained at all."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from radloop.images.preprocessing import prepare
from radloop.inference import bundle as form
from radloop.inference.familiarity import write_familiar
from radloop.inference.openvino_engine import OpenVINOEngine
from radloop.models.backbones import build_backbone
from radloop.models.network import Head, Network
from radloop.packaging.familiarity import fit_familiarity
from radloop.training.pixels import Pixels
from radloop.use_case import ImageSpec
from tests.bundles import make_bundle, write_approval, write_evidence


def make_familiar_bundle(
    bundles: Path, learnt: list[NDArray[np.uint8]], held: list[NDArray[np.uint8]], spec: ImageSpec, **changes: Any
) -> Path:
    """Make a sealed and approved bundle whose limit of familiarity was fitted on displayed images.

    Args:
        bundles: the folder of all bundles.
        learnt: images of any size that the distance is fitted on.
        held: those that its limit is fitted on, at least 99.
        spec: of the use case.
        changes: members of the facts.
    """
    torch.manual_seed(1)
    backbone = build_backbone("efficientnet-lite0", pretrained=True, size=spec.size)
    network = Network(backbone, Head(backbone.channels, 1)).eval()
    plain = make_bundle(bundles / "plain", network=network, size=spec.size, image=spec, approve=False, **changes)
    images = np.stack([prepare(image, spec) for image in (*learnt, *held)])
    split = pd.DataFrame({"split": ["train"] * len(learnt) + ["calibrate"] * len(held)})
    found = fit_familiarity(
        OpenVINOEngine(plain / form.CONTENT, spec.size), Pixels(images, np.zeros((len(images), 1), np.float32), split), seed=7
    )
    assert found is not None
    staging = bundles / ".familiar"
    shutil.copytree(plain / form.CONTENT, staging)
    form.write_facts(staging, form.read_facts(staging).model_copy(update={"familiarity": found.facts}))
    write_familiar(staging, found.familiar)
    folder = form.seal_bundle(staging, bundles).folder
    shutil.rmtree(bundles / "plain")
    write_evidence(folder)
    write_approval(folder)
    return folder
