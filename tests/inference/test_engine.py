"""The engine gives the same bits, alone or crowded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from radloop.errors import IntegrityError
from radloop.inference.engine import Engine
from tests.bundles import SIZE, TinyNetwork, make_images


@pytest.fixture(scope="module")
def engine(sealed: Path) -> Engine:
    return Engine(sealed / "bundle", SIZE)


def test_it_agrees_with_the_network_that_was_exported(engine: Engine) -> None:
    network = TinyNetwork(1).eval()
    for image in make_images(5, seed=3):
        with torch.no_grad():
            logits, embedding, cam = network(torch.from_numpy(image)[None, None])
        output = engine.run(image)
        assert output.logit == pytest.approx(float(logits), abs=1e-4)
        assert output.embedding == pytest.approx(embedding[0].numpy(), abs=1e-4)
        assert output.cam == pytest.approx(cam[0, 0].numpy(), abs=1e-4)
        assert (output.cam >= 0).all()


def test_threads_get_the_bits_that_one_gets(engine: Engine) -> None:
    images = make_images(40, seed=4)
    alone = [engine.run(image) for image in images]
    with ThreadPoolExecutor(8) as pool:
        crowded = list(pool.map(engine.run, images))
    for one, other in zip(alone, crowded, strict=True):
        assert one.logit == other.logit
        assert np.array_equal(one.embedding, other.embedding) and np.array_equal(one.cam, other.cam)


def test_results_outlive_the_next_request(engine: Engine) -> None:
    first, second = make_images(2, seed=5)
    output = engine.run(first)
    kept = output.embedding.copy()
    engine.run(second)
    assert np.array_equal(output.embedding, kept)


def test_one_stream_gives_the_same_bits(engine: Engine, sealed: Path) -> None:
    image = make_images(1, seed=6)[0]
    assert Engine(sealed / "bundle", SIZE, streams=1).run(image).logit == engine.run(image).logit


def test_a_cache_gives_the_same_bits(engine: Engine, sealed: Path, tmp_path: Path) -> None:
    image = make_images(1, seed=6)[0]
    for _ in range(2):
        assert Engine(sealed / "bundle", SIZE, cache=tmp_path).run(image).logit == engine.run(image).logit
    assert list(tmp_path.iterdir())


def test_wrong_input(engine: Engine) -> None:
    for image in (np.zeros((SIZE, SIZE + 1), np.uint8), np.zeros((SIZE, SIZE), np.float32)):
        with pytest.raises(ValueError, match="expected uint8"):
            engine.run(image)  # type: ignore[arg-type]


def test_a_broken_contract_is_refused(folder: Path) -> None:
    with pytest.raises(IntegrityError) as caught:
        Engine(folder / "bundle", SIZE + 1)
    assert caught.value.code == "invalid_model"
    text = (folder / "bundle" / "model.xml").read_text()
    (folder / "bundle" / "model.xml").write_text(text.replace('"cam"', '"map"').replace(">cam<", ">map<"))
    with pytest.raises(IntegrityError, match="no output cam"):
        Engine(folder / "bundle", SIZE)
    (folder / "bundle" / "model.xml").write_text("<net/>")
    with pytest.raises(IntegrityError, match="cannot be run"):
        Engine(folder / "bundle", SIZE)
