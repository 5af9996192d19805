"""How a bundle is served."""

from __future__ import annotations

from typing import Literal

from radloop.use_case.section import Section


class Serving(Section):
    """What packaging may do to make a bundle answer faster."""

    precision: Literal["auto", "f32"] = "auto"
    """`auto`: bf16 where it keeps to the trained network, see `radloop.inference.precision`; `f32`: 32 bits always."""
