"""The quality of an image and what the use case asks of it, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radloop.use_case import Quarantine


@dataclass(frozen=True)
class Limit:
    """One measure, and its limit where it has one.

    Attributes:
        name: the manifest's column, and the word in `excluded`.
        meaning: what is measured.
        side: on which side of the limit an image must stay.
        value: None where there is no rule or the use case switches it off.
    """

    name: str
    meaning: str
    side: Literal["at most", "at least"] = "at most"
    value: float | None = None

    @property
    def words(self) -> str:
        """Return such as `at most 0.95`, or `off`."""
        return "off" if self.value is None else f"{self.side} {self.value:g}"

    def beyond(self, values: NDArray[np.float64]) -> int:
        """Count the values that break the rule; the limit itself and NaN do not."""
        if self.value is None:
            return 0
        return int((values > self.value if self.side == "at most" else values < self.value).sum())


def ruled(rules: Quarantine) -> list[Limit]:
    """Return the measures that quarantine judges, in the order of its words."""
    return [
        Limit("black", "share of pixels at black", "at most", rules.max_black),
        Limit("saturated", "share of pixels at white", "at most", rules.max_saturated),
        Limit("contrast", "1st to 99th percentile of grey, share of the range", "at least", rules.min_contrast),
        Limit("sharpness", "variance of the Laplacian", "at least", rules.min_sharpness),
        Limit("border", "share of the area in uniform margins", "at most", rules.max_border),
    ]


def measured(rules: Quarantine) -> list[Limit]:
    """Return every measure of the manifest."""
    return [*ruled(rules), Limit("mean", "mean grey"), Limit("marker", "share of the area in markers and labels")]
