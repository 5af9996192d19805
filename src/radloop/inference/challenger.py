"""The challenger: a version that answers beside the champion, unseen as a shadow or for a share of requests as a canary."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from radloop.inference.pointer import Pointer, read_named, remove_pointer, replace_pointer

CHALLENGER = "challenger"
Mode = Literal["shadow", "canary"]
MODES: tuple[Mode, ...] = ("shadow", "canary")


class Challenger(Pointer):
    """What answers beside the champion.

    Attributes:
        mode: a `shadow` answers what the champion answered, and nobody is shown it; a `canary` answers instead of it.
        share: of the requests that a canary takes, above 0 and below 1; None of a shadow.
        since: when it began, ISO 8601.
    """

    mode: Mode
    share: float | None = Field(default=None, gt=0, lt=1)
    since: str

    @model_validator(mode="after")
    def _only_a_canary_shares(self) -> Challenger:
        if (self.share is None) != (self.mode == "shadow"):
            raise ValueError("a canary has a share, a shadow has none")
        return self

    def takes(self, request_id: str) -> bool:
        """Tell whether a request is the canary's: by a hash of its id."""
        if self.share is None:
            return False
        drawn = hashlib.sha256(f"{self.bundle} {request_id}".encode()).digest()[:8]
        return int.from_bytes(drawn) < self.share * 2**64


def read_challenger(bundles: Path, use_case: str) -> Challenger | None:
    """Return what answers beside the champion, None where nothing does.

    Raises:
        IntegrityError: `invalid_pointer`.
    """
    return read_named(bundles, use_case, CHALLENGER, Challenger, f"begin anew: radloop challenger end {use_case}")


def replace_challenger(bundles: Path, challenger: Challenger) -> None:
    """Let another version answer beside the champion."""
    replace_pointer(bundles, challenger, CHALLENGER)


def remove_challenger(bundles: Path, use_case: str) -> None:
    """Let none answer beside the champion."""
    remove_pointer(bundles, use_case, CHALLENGER)


def seat(use_case: str, mode: Mode) -> str:
    """Return under which name a worker publishes a challenger; a shadow that becomes a canary is loaded anew."""
    return f"{use_case}/{mode}"
