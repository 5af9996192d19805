"""A use case for one source, and tables written to disk."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from installations import small_phantom_config

from radloop.use_case import UseCase

MakeUseCase = Callable[..., UseCase]
WriteTable = Callable[..., Path]


@pytest.fixture
def make_use_case() -> MakeUseCase:
    """Return a function that makes a use case with sections of its own; `source` starts empty, and nothing needs its columns."""

    def make(**sections: Any) -> UseCase:
        config = small_phantom_config(source={})
        for section in ("clinical", "severity", "fusion"):
            config.pop(section, None)
        return UseCase.model_validate_json(json.dumps(config | sections))

    return make


@pytest.fixture
def write_table() -> WriteTable:
    """Return a function that writes rows as a CSV file below a new folder."""

    def write(path: Path, rows: Sequence[dict[str, str]], delimiter: str = ",") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, rows[0].keys(), delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write
