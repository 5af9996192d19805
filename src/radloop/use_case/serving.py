"""How a bundle is served."""

from __future__ import annotations

from typing import Literal

from radloop.use_case.section import Section

EngineKind = Literal["openvino", "onnxruntime"]


class Serving(Section):
    """What runs a bundle's network, and what packaging may do to make it answer faster."""

    engine: EngineKind = "openvino"
    """`openvino`: on the CPU; `onnxruntime`: on a CUDA device where the machine has one, otherwise on the CPU, in 32 bits."""
    precision: Literal["auto", "f32"] = "auto"
    """`auto`: bf16 where it keeps to the trained network, see `radloop.inference.precision`; `f32`: 32 bits always."""
