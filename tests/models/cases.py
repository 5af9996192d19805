"""Small use cases and images for the tests of networks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from radloop.use_case import UseCase

REGION = {"kind": "segmentation", "target": "tumour"}
CLASSES = {"kind": "multiclass", "classes": ["a", "b", "c"]}
SEVERITY = {"levels": ["none", "mild", "grave"], "cuts": [0.1, 0.4]}
COLUMNS = {"columns": {"mask": "mask", "extent": "extent"}}


def use_case(size: int = 64, **sections: Any) -> UseCase:
    """Return a small use case; `sections` replaces whole sections."""
    document: dict[str, Any] = {
        "name": "small-case",
        "title": "A case for tests",
        "intended_use": {"statement": "none"},
        "labels": {"positive": "opacity", "negative": "normal"},
        "image": {"modalities": ["DX"], "body_parts": ["CHEST"], "size": size},
        "source": COLUMNS,
        "search": {"trials": 1, "max_epochs": 1},
        "operating_point": {"kind": "youden"},
        "policy": {"written": "2026-01-01", "rules": [{"kind": "data_verdict", "name": "data"}]},
    }
    return UseCase.model_validate({**document, **sections}, strict=False)


def images(n: int, size: int = 64, seed: int = 0) -> Tensor:
    """Return noise, uint8 [n, 1, size, size]."""
    return torch.randint(0, 256, (n, 1, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
