"""What the network gives beside the diagnosis, and what it is given beside the image."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from radloop.use_case.section import Section


class Severity(Section):
    """An ordinal grade, learnt with the diagnosis from the manifest's `extent`."""

    levels: tuple[str, ...] = Field(min_length=2)
    """From the mildest to the worst."""
    cuts: tuple[float, ...]
    """An extent at or above the k-th cut has at least the level k + 1; one fewer than levels, rising."""
    weight: float = Field(default=0.5, gt=0)
    """Of its loss beside the diagnosis's."""

    @model_validator(mode="after")
    def _cuts_part_levels(self) -> Severity:
        if len(self.cuts) != len(self.levels) - 1 or list(self.cuts) != sorted(set(self.cuts)):
            raise ValueError(f"severity.cuts needs {len(self.levels) - 1} rising numbers for {len(self.levels)} levels")
        return self


class Fusion(Section):
    """How clinical values join the image's embedding."""

    kind: Literal["gated", "concat"] = "gated"
    values: tuple[str, ...] = Field(min_length=1)
    """`age`, `sex`, or names of the section `clinical`."""
    width: int = Field(default=32, ge=4, le=512)
    """Of the clinical embedding."""
    hidden: float = Field(default=0.3, ge=0, le=1)
    """The share of training images whose clinical values are all hidden, so that the network answers well without them."""
    blind: float = Field(default=0.0, ge=0, lt=1)
    """The share of training images whose image embedding is hidden."""


class Location(Section):
    """A decoder marks where the finding is, learnt from the manifest's masks (outlines, or boxes filled)."""

    stride: Literal[2, 4, 8] = 4
    """Of the network's mask: an image of 256 pixels and a stride of 4 give 64 x 64."""
    weight: float = Field(default=1.0, gt=0)
    """Of its loss beside the diagnosis's."""
    reach: float = Field(default=0.05, ge=0, le=0.5)
    """The strongest point is right within this share of the image's width of a true region."""
