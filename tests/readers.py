"""A real bundle whose network reads one cell of the image, with images that it was made for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from bundles import SIZE, CellNetwork, make_bundle
from PIL import Image

from radloop.evaluation.cases import Cases, Outputs
from radloop.evaluation.sample import Sample, draw_sample
from radloop.inference.predictor import Predictor
from radloop.use_case import Policy

N = 40
UPPER_LEFT, MIDDLE = 0, 27
"""Cells of the 8 x 8 grid: the first lies in the border and the corner, the other in row 3, column 3."""


@dataclass(frozen=True)
class Reader:
    """A bundle that reads a cell, and images that are bright there if they are positive."""

    predictor: Predictor
    cases: Cases
    outputs: Outputs
    folder: Path

    def sample(self, policy: Policy) -> Sample:
        """Return a sample of the cases."""
        return draw_sample(self.predictor, self.cases, self.outputs, (True,), policy, self.folder)


def make_reader(place: Path, cell: int, honest: bool = True) -> Reader:
    """Make a bundle that reads a cell, and 40 images, every other one positive."""
    folder = place / f"cell-{cell}-{honest}"
    (folder / "images").mkdir(parents=True)
    draws = np.random.default_rng(5)
    for number in range(N):
        cells = draws.integers(60, 100, (8, 8))
        cells.ravel()[cell] = draws.integers(180, 240) if number % 2 else draws.integers(20, 60)
        Image.fromarray(np.kron(cells, np.ones((SIZE // 8, SIZE // 8))).astype(np.uint8)).save(
            folder / "images" / f"{number}.png"
        )
    frame = pd.DataFrame(
        {
            "id": [f"{number:016x}" for number in range(N)],
            "path": [f"images/{number}.png" for number in range(N)],
            "frame": [math.nan] * N,
            "patient": [f"P{number // 2}" for number in range(N)],
            "sex": ["F", "F", "M", "M"] * (N // 4),
            "site": ["A"] * N,
            "view": [None] * N,
            "device": ["X", "Y"] * (N // 2),
        }
    )
    predictor = Predictor(make_bundle(folder / "bundles", network=CellNetwork(cell, honest)), approved=False)
    truth = np.array([[0.0], [1.0]] * (N // 2))
    outputs = Outputs.of(predictor.facts)
    return Reader(predictor, Cases(frame, np.full((N, 1), 0.5), truth, np.ones(N, np.bool_)), outputs, folder)
