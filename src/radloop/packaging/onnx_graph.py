"""A network as an ONNX graph."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from radloop.errors import ToolError

_OPSET = 18
"""That which torch's exporter is written for: another one is this one converted."""


def onnx_graph(network: nn.Module, example: tuple[Tensor, ...], inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """Return a network as the bytes of one ONNX file, weights inside, its shapes those of the example.

    Args:
        network: in evaluation mode.
        example: its inputs.
        inputs: their names.
        outputs: those of what it returns.

    Raises:
        ToolError: `incomplete_installation`: what writes ONNX is not installed.
    """
    try:
        import onnx  # noqa: F401 - by name here: torch names another package of it first
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ToolError("incomplete_installation", f"{error.name} is not installed", "pip install 'radloop[train]'") from None
    with torch.no_grad(), _quietly():
        program = torch.onnx.export(
            network,
            example,
            dynamo=True,
            opset_version=_OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            verbose=False,
        )
    model = program.model_proto if program is not None else None
    if model is None:
        raise ToolError("export_failed", "torch wrote no ONNX graph", "package the model again")
    _forget_origin(model)
    return bytes(model.SerializeToString(deterministic=True))


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep the exporter's advice on its own steps from the terminal, whose output may be one JSON object."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _forget_origin(model: Any) -> None:
    """Remove where in whose folders each node was written: paths have no place in a bundle, and differ for the same graph."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer, *graph.value_info):
        part.doc_string = ""
        del part.metadata_props[:]
