"""The same network with its weights shuffled: a heat map that does not change with them explains the image, not the network."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radloop.inference.bundle import GRAPH, MODEL, WEIGHTS, BundleFacts
from radloop.inference.engines import open_engine
from radloop.inference.runtime import load_openvino
from radloop.inference.scoring import Scorer

_LAYERS = ("Convolution", "GroupConvolution", "MatMul")
_BETWEEN = ("Convert", "Divide", "Multiply", "Reshape", "Transpose", "Unsqueeze")
_ONNX_LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def shuffled_scorer(content: Path, facts: BundleFacts, seed: int) -> Scorer:
    """Return the bundle's network with the numbers of every layer's weights shuffled among themselves.

    The model parameter randomisation test of Adebayo et al. (Sanity Checks for Saliency Maps, NeurIPS 2018), all layers
    at once. Shuffling keeps the weights' distribution, so that numbers neither vanish nor grow; the heat map's
    own copy of the head is shuffled like the head. The bundle stays as it is, and the same engine runs it.

    Args:
        content: the bundle's digested folder.
        facts: of the bundle.
        seed: of the shuffling.
    """
    with tempfile.TemporaryDirectory() as folder:
        if facts.engine.kind == "onnxruntime":
            _write_onnx(content, Path(folder), seed)
        else:
            _write_openvino(content, Path(folder), seed)
        engine = open_engine(facts.engine.kind, Path(folder), facts.image.size, precision=facts.engine.precision)
        return Scorer(engine, facts)


def _write_openvino(content: Path, folder: Path, seed: int) -> None:
    ov = load_openvino()
    model = ov.Core().read_model(str(content / MODEL), str(content / WEIGHTS))
    for node in model.get_ordered_ops():
        if node.get_type_name() in _LAYERS:
            _shuffle(node, seed, ov)
    ov.save_model(model, str(folder / MODEL), compress_to_fp16=False)


def _shuffle(layer: Any, seed: int, ov: Any) -> None:
    """Shuffle what a layer weighs its input with, where that is a constant, perhaps behind a reshape."""
    port = layer.input(1)
    while True:
        source = port.get_source_output().get_node()
        if source.get_type_name() == "Constant":
            break
        if source.get_type_name() not in _BETWEEN:
            return
        port = source.input(0)
    port.replace_source_output(ov.op.Constant(_mixed(np.array(source.data), seed)).output(0))


def _write_onnx(content: Path, folder: Path, seed: int) -> None:
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string((content / GRAPH).read_bytes())
    layers = [node for node in model.graph.node if node.op_type in _ONNX_LAYERS]
    weights = {name for node in layers for name in node.input[:2]}
    # A product holds what a layer has as rows in columns: so the heat map's copy of the head, where it is one, stays its copy.
    columns = {node.input[1] for node in layers if node.op_type == "MatMul"}
    columns -= {node.input[1] for node in layers if node.op_type == "Gemm"}
    for tensor in model.graph.initializer:
        if tensor.name in weights:
            values = numpy_helper.to_array(tensor)
            mixed = _mixed(values.T, seed).T if tensor.name in columns else _mixed(values, seed)
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(mixed), tensor.name))
    (folder / GRAPH).write_bytes(model.SerializeToString())


def _mixed(weights: NDArray[Any], seed: int) -> NDArray[Any]:
    # Constants of one size are shuffled alike: the head, and the heat map's copy of it, stay one and the same.
    return np.random.default_rng([seed, weights.size]).permutation(weights.ravel()).reshape(weights.shape)
