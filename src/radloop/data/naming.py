"""What a person calls a data version: `current`, `previous`, a model of it, or digits of its md5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from radloop.data import history
from radloop.data.objects import Objects
from radloop.data.versions import DataVersion, pinned
from radloop.errors import InputError
from radloop.records import erasures
from radloop.settings import Settings


def data_version(use_case: str, word: str, settings: Settings, of_model: Callable[[str], DataVersion]) -> DataVersion:
    """Return the version that a word names.

    Args:
        word: `current` (what data.dvc pins), `previous` (pinned before it), a model's alias or number, or
            four or more digits of an md5.
        of_model: from a model's alias or number to its data version.

    Raises:
        InputError: `unknown_data_version` or `ambiguous_version`.
    """
    if word == "current":
        return _found(pinned(use_case, settings), use_case, "has no data yet")
    if word == "previous":
        return _found(_previous(use_case, settings), use_case, "has no version before the current one")
    if not history.is_version(word):
        return of_model(word)
    entries = history.known_entries(use_case, settings)
    now = pinned(use_case, settings)
    if now is not None:
        entries[now.version] = now.entry
    # An object may be of any use case, so it is looked at only where nothing that is known fits.
    version = history.match(word, set(entries)) or history.match(word, set(erasures.touched(settings)))
    version = version or history.match(word, Objects(settings).versions())
    return _found(version and of_entry(use_case, version, entries), use_case, f"has no data version {word}")


def of_entry(use_case: str, version: str, entries: dict[str, dict[str, Any]] | None = None) -> DataVersion:
    """Return a version with its entry; of one that only its listing knows, an entry without its size."""
    known = (entries or {}).get(version)
    return DataVersion(version, known or {"path": f"data/{use_case}", "md5": version, "hash": "md5"})


def _previous(use_case: str, settings: Settings) -> DataVersion | None:
    now = pinned(use_case, settings)
    for entry in reversed(history.pins_of(use_case, settings)):
        if now is None or entry["md5"] != now.version:
            return DataVersion(str(entry["md5"]), entry)
    return None


def _found(version: DataVersion | str | None, use_case: str, otherwise: str) -> DataVersion:
    if not isinstance(version, DataVersion):
        raise InputError(
            "unknown_data_version",
            f"{use_case} {otherwise}",
            "name current, previous, champion, candidate, a model's number or four digits of a data version",
        )
    return version
