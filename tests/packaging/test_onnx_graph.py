"""The ONNX graph of every head with its Grad-CAM says what the OpenVINO graph of the same network says."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from radloop.errors import ToolError
from radloop.inference.bundle import GRAPH, NETWORK_FILES
from radloop.inference.engines import open_engine
from radloop.models.build import build_network
from radloop.models.fusion import Gated
from radloop.models.network import Network
from radloop.packaging.export import export
from tests.bundles import TinyNetwork
from tests.packaging.cases import CASES, SIZE, make_pixels
from tests.packaging.test_grad_cam import HEADS

HEADS_HERE = HEADS | {"segmentation": CASES["segmentation"]}


@pytest.mark.parametrize("head", ["gated", "concat", "segmentation"])
def test_both_graphs_say_the_same(tmp_path: Path, head: str, capsys: pytest.CaptureFixture[str]) -> None:
    case = HEADS_HERE[head]
    pixels = make_pixels(case, 3)
    torch.manual_seed(4)
    recipe = case.search.recipe.model_copy(update={"backbone": "resnet18"})
    network = build_network(case, recipe, pixels.inputs, pretrained=False).eval()
    if isinstance(network.fusion, Gated):
        nn.init.normal_(network.fusion.score.weight, std=3.0)
    width = sum(item.width for item in pixels.inputs)
    for kind in NETWORK_FILES:
        export(network, SIZE, width, tmp_path, kind)
    assert capsys.readouterr().out == ""
    theirs, ours = (open_engine(kind, tmp_path, SIZE, streams=1) for kind in NETWORK_FILES)
    for number, image in enumerate(pixels.images):
        row = pixels.clinical[number] if pixels.clinical is not None else None
        one, other = ours.run(image, row), theirs.run(image, row)
        assert one.logits == pytest.approx(other.logits, abs=1e-4) and one.embedding == pytest.approx(other.embedding, abs=1e-4)
        assert other.cam.max() > 0 and np.abs(one.cam - other.cam).max() <= 1e-3 * other.cam.max()
        for a, b in ((one.grades, other.grades), (one.mask, other.mask)):
            assert (a is None) == (b is None) and (a is None or a == pytest.approx(b, abs=1e-4))


def test_the_same_network_is_the_same_file_without_anybodys_paths(tmp_path: Path) -> None:
    network: Network = TinyNetwork(1)  # type: ignore[assignment]
    files = []
    for _ in range(2):
        export(network, SIZE, 0, tmp_path, "onnxruntime")
        files.append((tmp_path / GRAPH).read_bytes())
    assert files[0] == files[1]
    assert b".py" not in files[0] and str(Path.cwd()).encode() not in files[0]
    assert logging.root.manager.disable == logging.NOTSET


def test_without_the_exporter_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ToolError, match="onnxscript is not installed"):
        export(TinyNetwork(1), SIZE, 0, tmp_path, "onnxruntime")  # type: ignore[arg-type]
