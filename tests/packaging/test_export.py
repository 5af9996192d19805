"""Every kind of network, exported, says what it said before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from radloop.inference.openvino_engine import OpenVINOEngine
from radloop.models.build import build_network
from radloop.packaging.export import export
from tests.packaging.cases import CASES, SIZE, make_pixels


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("backbone", ["resnet18", "efficientnet-lite0"])
def test_the_graph_is_the_network(tmp_path: Path, kind: str, backbone: str) -> None:
    case = CASES[kind]
    pixels = make_pixels(case, 3)
    torch.manual_seed(5)
    recipe = case.search.recipe.model_copy(update={"backbone": backbone})
    network = build_network(case, recipe, pixels.inputs, pretrained=False).eval()
    clinical = np.zeros((3, 0), np.float32) if pixels.clinical is None else pixels.clinical
    export(network, SIZE, clinical.shape[1], tmp_path)
    engine = OpenVINOEngine(tmp_path, SIZE, streams=1)
    assert engine.width == clinical.shape[1]
    for image, row in zip(pixels.images, clinical, strict=True):
        with torch.no_grad():
            expected = network.explain(
                torch.from_numpy(image.copy())[None, None], torch.from_numpy(row)[None] if len(row) else None
            )
        found = engine.run(image, row)
        assert found.logits == pytest.approx(expected.logits[0].numpy(), rel=1e-3, abs=1e-4)
        assert found.embedding == pytest.approx(expected.embedding[0].numpy(), rel=1e-3, abs=1e-4)
        assert found.cam.shape == expected.cam[0].shape
        assert np.abs(found.cam - expected.cam[0].numpy()).max() <= 1e-3 * float(expected.cam.abs().max()) + 1e-4
        assert_probabilities(found.grades, expected.grades)
        assert_probabilities(found.mask, expected.mask)
        assert (found.grades is not None) == (kind == "fusion")
        assert (found.mask is not None) == (kind in ("location", "segmentation"))


def assert_probabilities(found: np.ndarray | None, logits: Tensor | None) -> None:
    assert (found is None) == (logits is None)
    if found is not None and logits is not None:
        assert found == pytest.approx(torch.sigmoid(logits).numpy().reshape(found.shape), abs=1e-4)


def test_clinical_values_move_the_exported_fusion(tmp_path: Path) -> None:
    case = CASES["fusion"]
    pixels = make_pixels(case, 2)
    torch.manual_seed(5)
    network = build_network(case, case.search.recipe.model_copy(update={"backbone": "resnet18"}), pixels.inputs, pretrained=False)
    assert pixels.clinical is not None
    export(network, SIZE, pixels.clinical.shape[1], tmp_path)
    engine = OpenVINOEngine(tmp_path, SIZE, streams=1)
    one, other = (engine.run(pixels.images[0], row) for row in pixels.clinical)
    assert one.logits[0] != other.logits[0]
    assert np.array_equal(one.embedding, other.embedding)  # the image's alone
