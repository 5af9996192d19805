"""The same network with its weights shuffled: a heat map that does not change with them explains the image, not the network."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from radloop.inference.bundle import MODEL, WEIGHTS, BundleFacts
from radloop.inference.engine import Engine
from radloop.inference.runtime import load_openvino
from radloop.inference.scoring import Scorer

_LAYERS = ("Convolution", "GroupConvolution", "MatMul")
_BETWEEN = ("Convert", "Divide", "Multiply", "Reshape", "Transpose", "Unsqueeze")


def shuffled_scorer(content: Path, facts: BundleFacts, seed: int) -> Scorer:
    """Return the bundle's network with the numbers of every layer's weights shuffled among themselves.

    The model parameter randomisation test of Adebayo et al. (Sanity Checks for Saliency Maps, NeurIPS 2018), all layers
    at once. Shuffling keeps the weights' distribution, so that numbers neither vanish nor grow; the heat map's
    own copy of the head is shuffled like the head. The bundle stays as it is.

    Args:
        content: the bundle's digested folder.
        facts: of the bundle.
        seed: of the shuffling.
    """
    ov = load_openvino()
    model = ov.Core().read_model(str(content / MODEL), str(content / WEIGHTS))
    for node in model.get_ordered_ops():
        if node.get_type_name() in _LAYERS:
            _shuffle(node, seed, ov)
    with tempfile.TemporaryDirectory() as folder:
        ov.save_model(model, str(Path(folder, MODEL)), compress_to_fp16=False)
        return Scorer(Engine(Path(folder), facts.image.size, precision=facts.engine.precision), facts)


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
    weights = np.array(source.data)
    # Constants of one size are shuffled alike: the head, and the heat map's copy of it, stay one and the same.
    mixed = np.random.default_rng([seed, weights.size]).permutation(weights.ravel()).reshape(weights.shape)
    port.replace_source_output(ov.op.Constant(mixed).output(0))
