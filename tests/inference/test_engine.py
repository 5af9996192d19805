"""The engine gives the same bits, alone or crowded."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from radloop.errors import IntegrityError
from radloop.inference.bundle import CONTENT, WEIGHTS
from radloop.inference.openvino_engine import OpenVINOEngine
from radloop.inference.predictor import Predictor
from tests.bundles import KINDS, SIZE, TinyNetwork, form_of, make_clinical, make_facts, make_images


@pytest.fixture(scope="module")
def engine(sealed: Path) -> OpenVINOEngine:
    return OpenVINOEngine(sealed / "bundle", SIZE)


@pytest.mark.parametrize("kind", KINDS)
def test_it_agrees_with_the_network_that_was_exported(kinds: dict[str, Predictor], kind: str) -> None:
    facts = kinds[kind].facts
    engine, network = OpenVINOEngine(kinds[kind].bundle.content, SIZE), TinyNetwork(1, *form_of(facts)).eval()
    for image, clinical in zip(make_images(5, seed=3), make_clinical(5, facts.width), strict=True):
        with torch.no_grad():
            expected = network.explain(torch.from_numpy(image)[None, None], torch.from_numpy(clinical)[None])
        output = engine.run(image, clinical)
        assert output.logits.dtype == np.float64
        assert output.logits == pytest.approx(expected.logits[0].numpy(), abs=1e-4)
        assert output.embedding == pytest.approx(expected.embedding[0].numpy(), abs=1e-4)
        assert output.cam == pytest.approx(expected.cam[0].numpy(), abs=1e-4)
        assert output.cam.shape[0] == len(facts.outputs) and (output.cam >= 0).all()
        for found, logits in ((output.grades, expected.grades), (output.mask, expected.mask)):
            assert (found is None) == (logits is None)
            if found is not None and logits is not None:
                assert found == pytest.approx(torch.sigmoid(logits).numpy().reshape(found.shape), abs=1e-4)


def test_values_that_are_not_given_are_unknown(kinds: dict[str, Predictor]) -> None:
    engine, image = OpenVINOEngine(kinds["fusion"].bundle.content, SIZE), make_images(1, seed=3)[0]
    nothing, known = np.zeros(engine.width, np.float32), make_clinical(1, engine.width)[0]
    assert np.array_equal(engine.run(image).logits, engine.run(image, nothing).logits)
    assert not np.array_equal(engine.run(image).logits, engine.run(image, known).logits)
    for wrong in (nothing[:-1], nothing.astype(np.float64)):
        with pytest.raises(ValueError, match="expected float32"):
            engine.run(image, wrong)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "binary"])
def test_a_network_of_another_kind_is_refused(engine: OpenVINOEngine, kinds: dict[str, Predictor], kind: str) -> None:
    engine.check(make_facts())
    for network, facts in ((engine, make_facts(**KINDS[kind])), (OpenVINOEngine(kinds[kind].bundle.content, SIZE), make_facts())):
        if kind == "segmentation" and network is not engine:
            facts = make_facts(**KINDS["segmentation"] | {"location": None})
        with pytest.raises(IntegrityError, match="not those of its facts"):
            network.check(facts)


def test_threads_get_the_bits_that_one_gets(engine: OpenVINOEngine) -> None:
    images = make_images(40, seed=4)
    alone = [engine.run(image) for image in images]
    with ThreadPoolExecutor(8) as pool:
        crowded = list(pool.map(engine.run, images))
    for one, other in zip(alone, crowded, strict=True):
        assert np.array_equal(one.logits, other.logits)
        assert np.array_equal(one.embedding, other.embedding) and np.array_equal(one.cam, other.cam)


def test_results_outlive_the_next_request(engine: OpenVINOEngine) -> None:
    first, second = make_images(2, seed=5)
    output = engine.run(first)
    kept = output.embedding.copy()
    engine.run(second)
    assert np.array_equal(output.embedding, kept)


def test_one_stream_gives_the_same_bits(engine: OpenVINOEngine, sealed: Path) -> None:
    image = make_images(1, seed=6)[0]
    assert np.array_equal(OpenVINOEngine(sealed / "bundle", SIZE, streams=1).run(image).logits, engine.run(image).logits)


def test_a_cache_gives_the_same_bits(engine: OpenVINOEngine, sealed: Path, tmp_path: Path) -> None:
    image = make_images(1, seed=6)[0]
    for _ in range(2):
        cached = OpenVINOEngine(sealed / "bundle", SIZE, cache=tmp_path)
        assert np.array_equal(cached.run(image).logits, engine.run(image).logits)
    assert list(tmp_path.iterdir())


def test_wrong_input(engine: OpenVINOEngine) -> None:
    for image in (np.zeros((SIZE, SIZE + 1), np.uint8), np.zeros((SIZE, SIZE), np.float32)):
        with pytest.raises(ValueError, match="expected uint8"):
            engine.run(image)  # type: ignore[arg-type]


def test_a_broken_contract_is_refused(folder: Path) -> None:
    with pytest.raises(IntegrityError) as caught:
        OpenVINOEngine(folder / "bundle", SIZE + 1)
    assert caught.value.code == "invalid_model"
    text = (folder / "bundle" / "model.xml").read_text()
    (folder / "bundle" / "model.xml").write_text(text.replace('"cam"', '"map"').replace(">cam<", ">map<"))
    with pytest.raises(IntegrityError, match="no output cam"):
        OpenVINOEngine(folder / "bundle", SIZE)
    (folder / "bundle" / "model.xml").write_text("<net/>")
    with pytest.raises(IntegrityError, match="cannot be run"):
        OpenVINOEngine(folder / "bundle", SIZE)


@pytest.mark.parametrize("kind", ["binary", "fusion", "location"])
def test_a_request_that_is_alone_gets_the_same_bits(kinds: dict[str, Predictor], kind: str) -> None:
    facts = kinds[kind].facts
    engine = OpenVINOEngine(kinds[kind].bundle.content, SIZE)
    images, clinical = make_images(4, seed=8), make_clinical(4, facts.width, seed=8)
    assert engine.add_lone(images, clinical) == (len(os.sched_getaffinity(0)) > 1)
    with ThreadPoolExecutor(3) as threads:  # one of them has the request for who is alone, the others wait for a stream
        outputs = list(threads.map(lambda n: engine.run(images[n % 4], clinical[n % 4], alone=True), range(12)))
    for number, output in enumerate(outputs):
        expected = engine.run(images[number % 4], clinical[number % 4])
        assert np.array_equal(output.logits, expected.logits) and np.array_equal(output.cam, expected.cam)


def test_other_bits_are_not_taken(engine: OpenVINOEngine, sealed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = OpenVINOEngine(sealed / "bundle", SIZE)
    monkeypatch.setattr("radloop.inference.engine._same", lambda *_: False)
    assert not other.add_lone(make_images(1), make_clinical(1, 0))
    image = make_images(1, seed=3)[0]
    assert np.array_equal(other.run(image, alone=True).logits, engine.run(image).logits)


@pytest.mark.parametrize("kind", ["binary", "fusion"])
def test_many_are_asked_in_their_order(kinds: dict[str, Predictor], kind: str) -> None:
    width = kinds[kind].facts.width
    engine = OpenVINOEngine(kinds[kind].bundle.content, SIZE)
    images, clinical = make_images(7, seed=8), make_clinical(7, width, seed=8)
    found = engine.run_all(iter(images), clinical if width else None)
    for output, image, row in zip(found, images, clinical, strict=True):
        assert np.array_equal(output.logits, engine.run(image, row).logits)


@pytest.mark.parametrize("cached", [False, True])
def test_what_is_written_to_its_files_later_changes_no_answer(sealed: Path, tmp_path: Path, cached: bool) -> None:
    content = tmp_path / "bundle"
    shutil.copytree(sealed / CONTENT, content)
    cache = tmp_path / "cache" if cached else None
    if cached:
        OpenVINOEngine(content, SIZE, cache=cache)  # the next one takes what this one compiled
    loaded = OpenVINOEngine(content, SIZE, cache=cache)
    images = make_images(2)
    assert loaded.add_lone(images, make_clinical(2, loaded.width))
    before = [output.logits for output in loaded.run_all(images)]
    for path in [content / WEIGHTS, *(cache.iterdir() if cache else ())]:
        path.write_bytes(bytes(path.stat().st_size))  # in place: a mapped file would show it
    assert np.array_equal([output.logits for output in loaded.run_all(images)], before)
    assert np.array_equal([loaded.run(image).logits for image in images], before)
