"""The record of retraining that nobody sits beside: asked for, begun, ended.

One chained, append-only file. Monitoring asks by writing here and starts nothing itself; a flow that looks here begins,
and says so before it does: what was killed in between is seen by the next look.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from radloop.records import chain
from radloop.settings import Settings

BUSY = "busy"
"""The outcome of what was begun while another process retrained: it never ran, and counts for nothing."""


def retrains_file(settings: Settings) -> Path:
    """Return the record."""
    return settings.place / "records" / "retrains.jsonl"


def remember(
    kind: Literal["asked", "begun", "ended"], use_case: str, facts: Mapping[str, Any], settings: Settings
) -> dict[str, Any]:
    """Append an entry, durable when this returns, and return its payload.

    Args:
        kind: `asked`: `look`, `alarming`; `begun`: `id`, `because`, `data_version`; `ended`: `id`, `outcome`,
            `model_version`.
        use_case: its name.
        facts: the payload's other members.
        settings: of the installation.
    """
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    made = {"schema_version": 1, "kind": kind, "time": time, "use_case": use_case, **facts}
    return dict(chain.append(retrains_file(settings), made)["payload"])


def retrains(settings: Settings, use_case: str) -> list[dict[str, Any]]:
    """Return the entries about a use case, the oldest first.

    Raises:
        IntegrityError: `tampered_record`.
    """
    every = (item["payload"] for item in chain.read(retrains_file(settings)))
    return [payload for payload in every if payload and payload["use_case"] == use_case]
