"""Small manifests for the tests: balanced, complete, every value different where it must be."""

from __future__ import annotations

from typing import Any

import pandas as pd

from radloop.data.manifest import Row, frame_of
from radloop.use_case import SPLITS, UseCase

QUALITY = {"black": 0.2, "saturated": 0.0, "contrast": 0.8, "sharpness": 0.002, "mean": 0.45, "border": 0.0, "marker": 0.0}


def use_case(labels: dict[str, Any] | None = None, **sections: Any) -> UseCase:
    """Return a small use case; `sections` replaces whole sections."""
    document: dict[str, Any] = {
        "name": "small-case",
        "title": "A case for tests",
        "intended_use": {"statement": "none"},
        "labels": labels or {"positive": "opacity", "negative": "normal"},
        "image": {"modalities": ["DX"], "body_parts": ["CHEST"], "size": 64},
        "validation": {"min_images": 40, "min_per_label_and_split": 2},
        "split": {"proportions": [0.25, 0.25, 0.25, 0.25]},
        "search": {"trials": 1, "max_epochs": 1},
        "operating_point": {"kind": "youden"},
        "policy": {"written": "2026-01-01", "rules": [{"kind": "data_verdict", "name": "data"}]},
    }
    return UseCase.model_validate({**document, **sections}, strict=False)


def row(number: int, **changes: Any) -> Row:
    """Return row `number` of a balanced manifest: splits take turns, then labels, then sexes."""
    facts: dict[str, Any] = {
        "id": f"id{number}",
        "path": f"images/id{number}.png",
        "label": ("normal", "opacity")[number // 4 % 2],
        "patient": f"P{number}",
        "split": SPLITS[number % 4],
        "sex": ("F", "M")[number // 8 % 2],
        "age": 20.0 + number % 60,
        "format": "png",
        "rows": 100,
        "columns": 100,
        "bits": 8,
        "text": False,
        "sha256": f"{number:064x}",
        "pixels": f"p{number}",
        "dhash": "0" * 64,
        **QUALITY,
    }
    return Row(**(facts | changes))


def manifest(case: UseCase, count: int = 64, **changes: dict[str, Any]) -> pd.DataFrame:
    """Return a manifest; `row3={...}` changes fields of row 3."""
    return frame_of([row(number, **changes.get(f"row{number}", {})) for number in range(count)], case)
