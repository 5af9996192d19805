"""Which data versions a use case has had, and what a word such as `previous` or `9f3c` names.

`data.dvc` says which version is pinned now; each pin is also remembered in an append-only record, for
the order of versions stands nowhere else. Evidence and DVC's own objects name the rest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from radloop.errors import InputError
from radloop.records import chain
from radloop.settings import Settings

LEAST = 4
"""The fewest hexadecimal digits that name a version."""
_HEX = re.compile(r"[0-9a-f]{4,32}(\.dir)?")


def history_file(use_case: str, settings: Settings) -> Path:
    """Return the append-only record of a use case's pins."""
    return settings.place / "records" / "versions" / f"{use_case}.jsonl"


def remember(use_case: str, entry: Mapping[str, Any], settings: Settings) -> None:
    """Append a pin unless it is the last one's version."""
    pins = pins_of(use_case, settings)
    if not pins or pins[-1]["md5"] != entry["md5"]:
        chain.append(history_file(use_case, settings), {"entry": dict(entry)})


def pins_of(use_case: str, settings: Settings) -> list[dict[str, Any]]:
    """Return the entries of `data.dvc` that were pinned here, oldest first."""
    return [dict(item["payload"]["entry"]) for item in chain.read(history_file(use_case, settings)) if item["payload"]]


def known_entries(use_case: str, settings: Settings) -> dict[str, dict[str, Any]]:
    """Return every entry of a use case by its version: those of models' evidence, and the pins."""
    entries = [*_of_evidence(use_case, settings), *pins_of(use_case, settings)]
    return {str(entry["md5"]): entry for entry in entries}


def _of_evidence(use_case: str, settings: Settings) -> Iterator[dict[str, Any]]:
    for path in sorted((settings.bundles / use_case).glob("*/evidence.json")):
        try:
            entry = json.loads(path.read_bytes())["data"]["entry"]
        except (ValueError, KeyError, TypeError):
            continue  # an edited file is found where it is relied on; here it only lists
        if isinstance(entry, dict) and entry.get("md5"):
            yield entry


def is_version(word: str) -> bool:
    """Tell whether a word is an md5 or the beginning of one; up to six decimal digits are a model's number."""
    return _HEX.fullmatch(word) is not None and not (word.isdecimal() and len(word) <= 6)


def match(word: str, known: set[str]) -> str | None:
    """Return the version that begins with a word, None where none does.

    Raises:
        InputError: `ambiguous_version`.
    """
    found = sorted(version for version in known if version.startswith(word.removesuffix(".dir")))
    if len(found) > 1:
        shown = ", ".join(version[:12] for version in found[:5])
        raise InputError("ambiguous_version", f"{len(found)} data versions begin with {word}: {shown}", "give more digits")
    return found[0] if found else None
