"""One check of the data: its stable code, its level, and what it found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from radloop.errors import ConfigError, nearest
from radloop.use_case import UseCase

Level = Literal["warn", "stop"]
MOST_ROWS = 20
"""How many rows a check names."""

LEVELS: Mapping[str, Level] = {
    "schema": "stop",
    "rows_complete": "stop",
    "unique_ids": "stop",
    "known_splits": "stop",
    "known_kinds": "stop",
    "files_present": "stop",
    "files_intact": "stop",
    "frames_of_clips": "stop",
    "clips_of_frames": "stop",
    "quarantine_share": "warn",
    "min_images": "stop",
    "patients_known": "stop",
    "labels_present": "stop",
    "known_labels": "stop",
    "plausible_ages": "stop",
    "image_height": "stop",
    "image_width": "stop",
    "known_sexes": "stop",
    "known_sites": "stop",
    "known_views": "stop",
    "patient_splits": "stop",
    "group_splits": "stop",
    "pixel_splits": "stop",
    "series_splits": "stop",
    "clip_splits": "stop",
    "series_known": "warn",
    "position_known": "warn",
    "position_unique": "warn",
    "split_proportions": "warn",
    "subgroup_sizes": "warn",
    "drift_label": "warn",
    "drift_sex": "warn",
    "drift_age_band": "warn",
    "drift_site": "warn",
    "drift_view": "warn",
    "drift_device": "warn",
    "drift_quality": "warn",
    "images_per_label": "stop",
    "images_per_finding": "warn",
    "unknown_share": "warn",
    "label_balance": "warn",
    "leaks": "stop",
    "leaks_standing": "stop",
    "unreadable_files": "stop",
}
"""Every check's code with the level that it has unless `validation.levels` says otherwise."""


@dataclass(frozen=True)
class Check:
    """One check's result.

    Attributes:
        code: stable, for programs and `validation.levels`.
        name: what was expected, in words.
        level: `stop` refuses the data when it fails, `warn` is shown.
        rows: what fails, at most `MOST_ROWS`: ids of rows, or cells such as `test/normal`.
        failing: how many fail; None where the check is about the whole table.
        observed: what was seen, in words, where the check is about the whole table.
    """

    code: str
    name: str
    level: Level
    success: bool
    rows: tuple[str, ...]
    failing: int | None
    observed: str | None

    def sentence(self) -> str:
        """Return what failed as one sentence that names rows."""
        more = ", ..." if self.failing is not None and self.failing > len(self.rows) else ""
        named = ", ".join(self.rows) + more
        if self.observed:
            return f"{self.name}: no, seen {self.observed}" + (f": {named}" if self.rows else "")
        return f"{self.name}: no" if self.failing is None else f"{self.name}: {self.failing} do not, {named}"

    def as_dict(self) -> dict[str, Any]:
        """Return the check as JSON prints it."""
        return asdict(self) | {"rows": list(self.rows)}


def levels_of(use_case: UseCase) -> dict[str, Level]:
    """Return the level of every check of a use case.

    Under the leakage policy `drop` leaks warn, for the copies are out of the splits; `leaks_standing` stops for the others.

    Raises:
        ConfigError: `validation.levels` names a check that does not exist.
    """
    asked = use_case.validation.levels
    for code in asked:
        if code not in LEVELS:
            raise ConfigError(
                "unknown_check", f"{use_case.name}.yaml: validation.levels has no check '{code}'", nearest(code, LEVELS)
            )
    policy: dict[str, Level] = {"leaks": "warn"} if use_case.leakage.policy == "drop" else {}
    return {**LEVELS, **policy, **asked}
