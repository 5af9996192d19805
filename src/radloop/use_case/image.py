"""What pixels mean, and how they reach the network."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from radloop.use_case.section import Section


class Window(Section):
    """A window on the values of the pixel domain: what lies outside is black or white."""

    center: float
    width: float = Field(gt=0)


class ImageSpec(Section):
    """What the pixels mean and how they reach the network; training and serving share it."""

    modalities: tuple[str, ...]
    """DICOM (0008,0060) values that are admitted."""
    body_parts: tuple[str, ...]
    """DICOM (0018,0015) values that are admitted; an absent value is admitted with a warning."""
    views: tuple[str, ...] = ()
    """DICOM (0018,5101) values that are admitted, all where none is named; an absent value is admitted."""
    pixel_domain: Literal["display", "hounsfield", "raw"] = "display"
    """What a grey value means before the window is applied.

    `display`: as a reader sees it, after the file's own VOI window or the one given here, bright meaning dense.
    `hounsfield`: CT numbers. `raw`: values as they are stored. Both need a window.
    """
    window: Window | None = None
    """The preset that is applied to every image, in the values of the domain."""
    frames_per_second: float | None = Field(default=None, gt=0)
    """How many frames of a video are taken a second; null where the use case takes still images only."""
    size: int = Field(ge=32, le=1024)
    """Side of the square network input, pixels."""
    min_side: int = Field(default=64, ge=16)
    """A smaller image is refused."""

    @model_validator(mode="after")
    def _domain_has_its_window(self) -> ImageSpec:
        if self.pixel_domain != "display" and self.window is None:
            raise ValueError(f"pixel_domain {self.pixel_domain} needs a window: center and width")
        return self
