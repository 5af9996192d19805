"""Small use cases of every kind, and pixels for them in which there is something to learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from installations import small_phantom_config, write_use_case

from radloop.configuration import read_use_case
from radloop.training.pixels import Pixels
from radloop.use_case import UseCase

SIZE = 32


def config(**changes: Any) -> dict[str, Any]:
    """Return the small phantom use case with images of 32 pixels; a section that is given as null goes."""
    made = small_phantom_config()
    made["image"] |= {"size": SIZE, "min_side": 16}
    made["search"]["recipe"] |= {"backbone": "mobilenet_v3_small"}  # few weights: its steps cost a fraction of ResNet-18's
    for name, section in changes.items():
        made[name] = (made[name] | section) if isinstance(section, dict) and isinstance(made.get(name), dict) else section
    if changes.get("labels"):
        made["labels"] = changes["labels"]
    return {name: section for name, section in made.items() if section is not None}


BARE = {"severity": None, "fusion": None, "location": None, "clinical": None}


class Cases:
    """Makes use cases and pixels."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def use_case(self, **changes: Any) -> UseCase:
        """Return the small phantom use case, changed."""
        return read_use_case(write_use_case(self._folder, yaml.safe_load(yaml.safe_dump(config(**BARE | changes)))))

    def pixels(self, n: int = 60, *, outputs: int = 1, size: int = SIZE, **more: Any) -> Pixels:
        """Return n noisy images, two of three in `train`, the others in `tune`; output k brightens the k-th column of blocks."""
        rng = np.random.default_rng(n)
        truths = rng.integers(0, 2, (n, outputs)).astype(np.float32)
        images = rng.integers(0, 120, (n, size, size)).astype(np.uint8)
        for row, k in zip(*np.nonzero(truths), strict=True):
            images[row, 8:20, 8 * k : 8 * k + 8] += 100
        split = np.where(np.arange(n) % 3 < 2, "train", "tune")
        return Pixels(images, truths, pd.DataFrame({"split": split}), **more)


@pytest.fixture
def cases(tmp_path: Path) -> Cases:
    """What makes use cases and pixels."""
    return Cases(tmp_path / "use_cases")
