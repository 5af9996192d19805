"""In which arithmetic a bundle is served: bf16 where it was earned and the processor has it, otherwise 32 bits."""

from __future__ import annotations

from functools import cache
from typing import Literal

from pydantic import Field

from radloop.inference.machine import instructions
from radloop.inference.runtime import load_openvino
from radloop.use_case import Section

Precision = Literal["f32", "bf16"]

MAX_CHANGE = 0.05
"""The most that any probability may move for a lower precision to be served."""
MAX_FLIPS = 0.01
"""The largest share of decisions that may change."""
MAX_AUROC_CHANGE = 0.003
"""The most that the AUROC of any output may move, up or down."""

MARGIN = 0.5
"""The share of each limit that packaging allows on `tune` and `calibrate`: what just keeps a limit on one sample breaks it on
the next, `test`, as often as not."""

_BF16 = frozenset(("amx_bf16", "avx512_bf16", "bf16"))


class Agreement(Section):
    """How far the served network is from the trained one, on some images."""

    n: int = Field(ge=0)
    """Images."""
    max_change: float = Field(ge=0, allow_inf_nan=False)
    """Of a probability: of an output, of a level of severity, of a place of the mask."""
    flips: int = Field(ge=0)
    decisions: int = Field(ge=0)
    """Of which the flips are a part: one an output that has a threshold; of classes one an image."""
    auroc_change: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """The largest of any output's; None where no output has positive and negative images."""

    def objection(self) -> str | None:
        """Say why a lower precision is not earned; None where every limit is kept with its margin."""
        if not self.n:
            return "there is no image to compare"
        if self.max_change > MARGIN * MAX_CHANGE:
            return f"a probability moves by {self.max_change:.3f}, more than {MARGIN * MAX_CHANGE:g}"
        if self.flips > MARGIN * MAX_FLIPS * self.decisions:
            return f"{self.flips} of {self.decisions} decisions change, more than {MARGIN * MAX_FLIPS:.1%}"
        if self.auroc_change is None:
            return "there is no output whose AUROC could be compared"
        if self.auroc_change > MARGIN * MAX_AUROC_CHANGE:
            return f"AUROC moves by {self.auroc_change:.4f}, more than {MARGIN * MAX_AUROC_CHANGE:g}"
        return None


class PrecisionFacts(Section):
    """Why a bundle has its precision."""

    reason: str
    tried: Precision | None = None
    """The lower precision that was compared with the trained network on `tune` and `calibrate`; None where none was."""
    agreement: Agreement | None = None
    """What came of it."""


@cache
def runs_natively(precision: str) -> bool:
    """Tell whether the processor computes in a precision itself.

    OpenVINO emulates bf16 on processors that only have AVX-512: what it says it can do is not all that counts.
    """
    if precision == "f32":
        return True
    known = instructions()
    able = load_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return precision.upper() in able and (not known or bool(known & _BF16))
