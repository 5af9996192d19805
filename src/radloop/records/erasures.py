"""The record of erasures: which data versions lost a patient, and what is left of them.

A chained, append-only record (see `radloop.records.chain`). An erasure is written down when it begins,
so that a version is refused from the first byte that goes, and again when it is done.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from radloop.errors import Refusal
from radloop.records import chain
from radloop.settings import Settings


def erasures_file(settings: Settings) -> Path:
    """Return the append-only record of erasures."""
    return settings.place / "records" / "erasures.jsonl"


def keyed_hash(key: bytes, pseudonym: str) -> str:
    """Return how the record names a patient: only who holds the key and the pseudonym finds the entry."""
    return "hmac:" + hmac.new(key, b"erasure " + pseudonym.encode(), hashlib.sha256).hexdigest()[:32]


def remember(event: Literal["begun", "done", "revived"], facts: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Append to the record and return the payload.

    Args:
        facts: `patient` (keyed hash), `use_cases`, `versions` (what is left of each), `counts`.
    """
    payload = {"event": event, **facts, "time": datetime.now(UTC).isoformat(timespec="seconds")}
    return dict(chain.append(erasures_file(settings), payload)["payload"])


def erasures_of(patient: str, settings: Settings) -> list[dict[str, Any]]:
    """Return what the record says of a patient's keyed hash, oldest first."""
    payloads = (entry["payload"] for entry in chain.read(erasures_file(settings)))
    return [payload for payload in payloads if payload and payload["patient"] == patient]


def erased(settings: Settings) -> frozenset[str]:
    """Return the keyed hashes of everybody who was erased: a source that still holds them brings them back no more."""
    payloads = (entry["payload"] for entry in chain.read(erasures_file(settings)))
    return frozenset(str(payload["patient"]) for payload in payloads if payload and payload["patient"])


def touched(settings: Settings) -> dict[str, str]:
    """Return what is left of every version that an erasure touched."""
    left: dict[str, str] = {}
    for entry in chain.read(erasures_file(settings)):
        left |= (entry["payload"] or {}).get("versions", {})
    return {version: rest for version, rest in left.items() if rest != version}


def revive(version: str, settings: Settings) -> None:
    """Write down that the very bytes of a touched version were ingested anew: it is whole again."""
    if version in touched(settings):
        remember("revived", {"patient": None, "use_cases": [], "versions": {version: version}, "counts": {}}, settings)


def remainder(version: str, settings: Settings) -> str:
    """Return the version that holds what is left of one, itself where nothing was erased from it."""
    left, seen = touched(settings), {version}
    while left.get(version, version) not in seen:
        version = left[version]
        seen.add(version)
    return version


def check_whole(version: str, settings: Settings) -> None:
    """Refuse a version that an erasure touched.

    Raises:
        Refusal: `version_erased`.
    """
    if version in touched(settings):
        raise Refusal(
            "version_erased",
            f"a patient was erased from data version {version[:12]}",
            "`radloop data restore UC@VERSION --erased` restores what is left of it",
        )
