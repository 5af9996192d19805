"""The record of looks: every look at what was served, whether it alarmed, and to whom an alarm went.

One chained, append-only file (see `radloop.records.chain`). A look is written once, before anybody is told; a delivery
is written after it. What the record does not say was delivered is sent again by the next `radloop monitor`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from radloop.records import chain
from radloop.settings import Settings


def alarms_file(settings: Settings) -> Path:
    """Return the record."""
    return settings.place / "records" / "alarms.jsonl"


def remember(kind: Literal["look", "delivery"], facts: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Append an entry, durable when this returns, and return its payload.

    Args:
        kind: `look`, as `radloop.monitoring.looks` makes it; or `delivery`: `alarm`, `to`, `delivered`, `error`.
        facts: the payload's other members.
        settings: of the installation.
    """
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    return dict(chain.append(alarms_file(settings), {"schema_version": 1, "kind": kind, "time": time, **facts})["payload"])


def looks(settings: Settings, use_case: str | None = None, bundle: str | None = None) -> list[dict[str, Any]]:
    """Return the looks at a use case, at one bundle of it where it is named, the oldest first.

    Raises:
        IntegrityError: `tampered_record`.
    """
    return [
        item
        for item in _payloads(settings)
        if item["kind"] == "look" and use_case in (None, item["use_case"]) and bundle in (None, item["bundle"])
    ]


def deliveries(settings: Settings) -> list[dict[str, Any]]:
    """Return what was sent of alarms, the oldest first.

    Raises:
        IntegrityError: `tampered_record`.
    """
    return [item for item in _payloads(settings) if item["kind"] == "delivery"]


def _payloads(settings: Settings) -> Iterator[dict[str, Any]]:
    return (item["payload"] for item in chain.read(alarms_file(settings)) if item["payload"])
