"""What ingest found, beside the manifest and pinned with it: leaks across splits, and files left out.

`leaks.json` is {"policy", "dropped", "leaks": [{"kind", "splits", "rows", "stands"}, ...]}, where `stands` is
false for what dropping rows has mended; `refused.json` is a list of
{"row", "code", "message"}, without the names of the files, which may be people's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from radloop.errors import IntegrityError
from radloop.records.seal import write_atomic

LEAKS = "leaks.json"
REFUSED = "refused.json"


def write_findings(folder: Path, leaks: Mapping[str, Any], refused: Sequence[Mapping[str, Any]]) -> None:
    """Write both files; equal findings give equal bytes."""
    kept = [{key: item[key] for key in ("row", "code", "message")} for item in refused]
    for name, document in ((LEAKS, leaks), (REFUSED, kept)):
        write_atomic(folder / name, json.dumps(document, indent=1, sort_keys=True).encode() + b"\n")


def read_leaks(folder: Path) -> dict[str, Any]:
    """Return the leaks of a data folder.

    Raises:
        IntegrityError: the file is missing or broken.
    """
    return dict(_read(folder / LEAKS))


def read_refused(folder: Path) -> list[dict[str, Any]]:
    """Return the files that ingest left out.

    Raises:
        IntegrityError: the file is missing or broken.
    """
    return list(_read(folder / REFUSED))


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise IntegrityError("data_changed", f"{path.name} is missing or broken", "run `radloop ingest` again") from error
