"""Heat maps: one that comes from the weights, one that is the image, and areas worked by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bundles import KINDS, make_bundle
from readers import MIDDLE, Reader

from radloop.evaluation.explanations import Explanations, _area, alike, judge_explanations, order_of, reason, share_inside
from radloop.evaluation.randomisation import shuffled_scorer
from radloop.inference.predictor import Predictor
from radloop.records.seal import digest_folder
from radloop.use_case import Policy

SANE = Explanations("grad-cam", 16, 0.1, 0.9, 0.3, 0.8, 0.8, None, None)


def test_a_map_from_the_weights_is_told_from_the_image_itself(make_reader: Callable[..., Reader], policy: Policy) -> None:
    honest = judge_explanations(make_reader(MIDDLE).sample(policy))
    assert honest.images == 16
    assert honest.reason is None
    assert honest.randomised < 0.5
    assert honest.insertion > honest.random_insertion + 0.1
    assert honest.deletion < honest.random_deletion - 0.1
    image = judge_explanations(make_reader(MIDDLE, honest=False).sample(policy))
    assert image.randomised == pytest.approx(1)
    assert image.as_dict()["sane"] is False
    assert "shuffled" in str(image.reason)


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_shuffling_leaves_the_bundle_alone_and_is_repeatable(tmp_path: Path, engine: str) -> None:
    predictor = Predictor(make_bundle(tmp_path, **KINDS["fusion"], engine={"kind": engine}), approved=False)
    content, facts = predictor.bundle.content, predictor.facts
    picture = predictor.bundle.content / "selftest.npz"
    image = np.load(picture)["images"][0]
    first, same, other = (shuffled_scorer(content, facts, seed).engine.run(image) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.logits, same.logits)
    assert first.logits.tolist() != other.logits.tolist()
    assert float(np.abs(first.cam - predictor.engine.run(image).cam).max()) > 0.01
    assert digest_folder(content) == predictor.bundle.digest


def test_the_hottest_come_first_and_equals_at_random() -> None:
    heat = np.array([[0.1, 0.9], [0.5, 0.7]])
    assert order_of(heat, np.random.default_rng(0)).tolist() == [[3, 0], [2, 1]]
    orders = {tuple(order_of(np.zeros((2, 2)), np.random.default_rng(seed)).ravel().tolist()) for seed in range(20)}
    assert len(orders) > 5


def test_maps_are_compared_by_rank() -> None:
    heat = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert alike(heat, heat**3) == pytest.approx(1)
    assert alike(heat, -heat) == pytest.approx(-1)
    assert alike(heat, np.zeros((2, 2))) == 0
    assert math.isnan(alike(np.ones((2, 2)), heat))


def test_the_share_inside_a_region() -> None:
    heat = np.array([[3.0, 1.0], [0.0, 0.0]])
    assert share_inside(heat, np.array([[True, False], [True, False]])) == 0.75
    assert math.isnan(share_inside(np.zeros((2, 2)), np.ones((2, 2), np.bool_)))


def test_an_area_is_of_trapezoids() -> None:
    # Two steps of one half: (0 + 0.4) / 2 / 2 + (0.4 + 1) / 2 / 2 = 0.1 + 0.35.
    assert _area([0.0, 0.4, 1.0]) == pytest.approx(0.45)


def test_why_a_map_cannot_be_believed() -> None:
    assert reason(SANE) is None
    assert "too few" in str(reason(replace(SANE, images=4)))
    assert "same everywhere" in str(reason(replace(SANE, randomised=math.nan)))
    assert "shuffled" in str(reason(replace(SANE, randomised=0.51)))
    # 0.9 - 0.9 is no more than 0.8 - 0.8.
    assert "random order" in str(reason(replace(SANE, deletion=0.9)))
    assert "random order" in str(reason(replace(SANE, insertion=math.nan)))


def test_without_positive_images_nothing_is_told(make_reader: Callable[..., Reader], policy: Policy) -> None:
    reader = make_reader(MIDDLE)
    healthy = replace(reader, cases=replace(reader.cases, truths=np.zeros((40, 1))))
    found = judge_explanations(healthy.sample(policy)).as_dict()
    assert (found["images"], found["sane"], found["randomised"], found["insertion"]) == (0, False, None, None)
    assert found["reason"] == "0 positive images are too few to tell"
