"""Manifests that are made, not ingested: every count is known beforehand."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radloop.data.manifest import Row


def make_row(number: int, **facts: Any) -> Row:
    """Return an unremarkable row; equal numbers are equal images."""
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    members: dict[str, Any] = {
        "id": digest[:16],
        "path": f"images/{digest[:16]}.png",
        "label": "normal",
        "patient": f"p{number:06d}",
        "split": "train",
        "format": "png",
        "rows": 256,
        "columns": 256,
        "bits": 8,
        "black": 0.1,
        "saturated": 0.01,
        "contrast": 0.8,
        "sharpness": 0.004,
        "mean": 0.45,
        "border": 0.02,
        "marker": 0.001,
        "text": False,
        "sha256": digest,
        "pixels": digest[::-1],
        "dhash": digest,
    }
    return Row(**(members | facts))


def make_thumbnail(number: int, grey: int = 128) -> NDArray[np.uint8]:
    """Return a soft disc on a gradient, another for every number."""
    y, x = np.mgrid[:64, :64]
    disc = (y - 20 - number % 23) ** 2 + (x - 20 - number % 19) ** 2 < (8 + number % 9) ** 2
    picture: NDArray[np.uint8] = np.clip(x * 2 + y + 80 * disc + grey - 128, 0, 255).astype(np.uint8)
    return picture
