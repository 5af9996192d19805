"""What is asked of the data: leaks, quality, splits, checks."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from radloop.use_case.section import Section


class Leakage(Section):
    """What happens to images that stand on both sides of a split."""

    policy: Literal["refuse", "drop"] = "refuse"
    """`refuse`: `validate` says no. `drop`: the copy farther from judging (train first, test never) is not used."""
    hash_distance: int = Field(default=20, ge=0, le=128)
    """Candidates for near-duplicates differ in at most this many of 256 bits of their difference hashes."""
    correlation: float = Field(default=0.97, gt=0, le=1)
    """Candidates are near-duplicates from this correlation of their thumbnails on; see `radloop.images.fingerprint`."""


class Quarantine(Section):
    """Images that are kept out of every split, by their quality; null switches a rule off."""

    max_black: float | None = Field(default=0.95, ge=0, le=1)
    max_saturated: float | None = Field(default=0.95, ge=0, le=1)
    min_contrast: float | None = Field(default=0.02, ge=0, le=1)
    min_sharpness: float | None = Field(default=None, ge=0)
    max_border: float | None = Field(default=None, ge=0, le=1)
    burned_in_text: bool = True
    """Images with lines of text in their pixels, or whose header says so."""


class SplitSpec(Section):
    """How the splits are cut where the source does not say."""

    seed: int = 20260101
    proportions: tuple[float, float, float, float] = (0.60, 0.15, 0.10, 0.15)
    """Shares of train, tune, calibrate, test, by patient."""


class Validation(Section):
    """What Great Expectations asks of the manifest."""

    min_images: int = Field(default=50, ge=1)
    min_per_label_and_split: int = Field(default=5, ge=1)
    age: tuple[float, float] = (0.0, 120.0)
    sites: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    devices: tuple[str, ...] = (
        "SIEMENS",
        "GE MEDICAL SYSTEMS",
        "PHILIPS",
        "PHILIPS MEDICAL SYSTEMS",
        "TOSHIBA",
        "CANON",
        "FUJIFILM",
        "AGFA",
        "CARESTREAM",
        "HOLOGIC",
        "SAMSUNG",
        "HITACHI",
        "KONICA MINOLTA",
        "SHIMADZU",
    )
    """Words of the site, view and device that are kept as they are; any other becomes a keyed stand-in, for it may be a name."""
    min_per_subgroup: int = Field(default=0, ge=0)
    """Images of every gated subgroup in `test`; fewer warn, for the gate judges on patients."""
    max_split_imbalance: float = Field(default=0.25, gt=0, le=1)
    """The largest difference of a label's share between a split and the whole before it warns."""
    max_drift: float = Field(default=0.25, gt=0)
    """The largest population stability index against the previous data version before it warns."""
    levels: dict[str, Literal["warn", "stop"]] = Field(default={})
    """Overrides by the check's code: `warn` is shown, `stop` refuses the data."""
