"""What a bundle is familiar with, by a real engine: its own images, coarse or not, and no strangers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radloop.inference.bundle import CONTENT
from radloop.inference.openvino_engine import OpenVINOEngine
from radloop.packaging.familiarity import fit_familiarity
from radloop.training.pixels import Pixels
from tests.bundles import SIZE, make_bundle


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> OpenVINOEngine:
    return OpenVINOEngine(make_bundle(tmp_path_factory.mktemp("bundles")) / CONTENT, SIZE)


def waves(n: int, seed: int) -> np.ndarray:
    """Return n images of soft waves, uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    phase, angle = rng.uniform(0, 6.28, (2, n, 1, 1))
    return (110 + 60 * np.sin(6.28 * 2 * (x * np.cos(angle) + y * np.sin(angle)) + phase)).astype(np.uint8)


def pixels(train: int, tune: int, calibrate: int) -> Pixels:
    split = ["train"] * train + ["tune"] * tune + ["calibrate"] * calibrate
    images = waves(len(split), 1)
    return Pixels(images, np.zeros((len(split), 1), np.float32), pd.DataFrame({"split": split}))


def test_its_own_are_admitted_and_strangers_are_not(engine: OpenVINOEngine) -> None:
    found = fit_familiarity(engine, pixels(120, 60, 60), seed=7)
    assert found is not None
    assert (found.facts.n, found.facts.held, found.facts.components) == (120, 120, 4)

    def refused(images: np.ndarray) -> float:
        embeddings = np.stack([engine.run(image, np.zeros(0, np.float32)).embedding for image in images])
        return float(np.mean(found.familiar.distance(embeddings) > found.facts.limit))

    assert refused(waves(100, 2)) <= 0.05
    assert refused(np.random.default_rng(0).integers(0, 255, (20, SIZE, SIZE)).astype(np.uint8)) == 1.0
    assert refused(np.full((1, SIZE, SIZE), 255, np.uint8)) == 1.0


def test_too_few_that_were_held_out_set_no_limit(engine: OpenVINOEngine) -> None:
    assert fit_familiarity(engine, pixels(120, 40, 58), seed=7) is None
    assert fit_familiarity(engine, pixels(0, 60, 60), seed=7) is None
