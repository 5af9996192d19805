"""The base of every section, and the words that several share."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Split = Literal["train", "tune", "calibrate", "test"]
SPLITS: tuple[Split, ...] = ("train", "tune", "calibrate", "test")
Sex = Literal["F", "M", "O"]
USE_CASE_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"
"""Of a name."""
Attribute = Literal["sex", "age_band", "site", "view", "device"]


class Section(BaseModel):
    """The base of every section: frozen, strict, no unknown keys."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
