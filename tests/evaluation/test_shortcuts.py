"""Shortcuts: a planted one is named, and what is not there is not found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from readers import MIDDLE, UPPER_LEFT, Reader

from radloop.evaluation.cases import Cases
from radloop.evaluation.shortcuts import judge_shortcuts, out_of_fold, probe
from radloop.use_case import Policy


def embedded(words: list[str | None], embeddings: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> Cases:
    """Return cases of two images a patient, with a site and an embedding each."""
    n = len(words)
    frame = pd.DataFrame({"patient": [f"P{number // 2}" for number in range(n)], "site": words})
    return Cases(frame, np.full((n, 1), 0.5), np.zeros((n, 1)), np.ones(n, np.bool_), embeddings=embeddings)


def test_a_model_that_reads_the_corner_is_told_from_one_that_reads_the_middle(
    make_reader: Callable[..., Reader], policy: Policy
) -> None:
    for cell, seen, unseen in ((UPPER_LEFT, ("upper_left", "border"), "centre"), (MIDDLE, ("centre",), "upper_left")):
        reader = make_reader(cell)
        found = judge_shortcuts(reader.sample(policy), reader.cases).occlusion
        for region in seen:
            assert found[region].blanked.drop.low > 0.1
            assert found[region].blanked.flips > 0.4
            assert found[region].alone.value == 1
        assert (found[unseen].blanked.drop.value, found[unseen].blanked.flips) == (0, 0)
        others = set(found) - {*seen}
        assert all(found[region].blanked.value.value == 1 for region in others)
        assert all(found[region].alone.low < 0.55 < 0.9 < found[region].blanked.value.high for region in others)


def test_a_probe_finds_what_is_there_and_nothing_else(policy: Policy) -> None:
    rng = np.random.default_rng(2)
    words: list[str | None] = ["A", "A", "B", "B"] * 30
    noise = rng.normal(size=(120, 40)).astype(np.float32)
    there = noise.copy()
    there[:, 7] += 5 * np.array([word == "B" for word in words])
    found, nothing = probe(embedded(words, there), "site", policy), probe(embedded(words, noise), "site", policy)
    assert found is not None
    assert nothing is not None
    assert found.auroc.low > 0.9
    assert (found.images, found.groups) == (120, 2)
    assert nothing.auroc.low < 0.5 < nothing.auroc.high + 0.1


def test_a_probe_sees_no_image_of_those_it_is_asked_about() -> None:
    # Each patient has a mark of their own, and half of all patients are of either word: nothing can be learnt.
    rng = np.random.default_rng(4)
    marks = np.eye(60, dtype=np.float32).repeat(2, axis=0) * 10
    words = rng.permutation(["A", "B"] * 30).repeat(2)
    units = np.arange(60).repeat(2)
    said = out_of_fold(marks, words, units, 1)
    assert float(np.ptp(said[:, 0])) < 0.2
    np.testing.assert_allclose(said.sum(axis=1), 1)
    leaky = out_of_fold(marks, words, np.arange(120), 1)
    assert float(np.mean(leaky[words == "A", 0]) - np.mean(leaky[words == "B", 0])) > 0.1


def test_rare_and_unknown_words_are_left_out(policy: Policy) -> None:
    noise = np.random.default_rng(2).normal(size=(48, 4)).astype(np.float32)
    words: list[str | None] = ["A", "A", "B", "B"] * 10 + ["C"] * 4 + [None] * 4
    found = probe(embedded(words, noise), "site", policy)
    assert found is not None
    assert (found.images, found.groups) == (40, 2)
    assert probe(embedded(["A"] * 44 + ["C"] * 4, noise), "site", policy) is None
    # Many images of four patients: not one for each fold.
    few = embedded(words, noise)
    assert probe(replace(few, frame=few.frame.assign(patient=[f"P{n % 4}" for n in range(48)])), "site", policy) is None
    assert probe(replace(few, embeddings=None), "site", policy) is None


def test_three_words_are_each_told_from_the_others(policy: Policy) -> None:
    words: list[str | None] = ["A", "A", "B", "B", "C", "C"] * 10
    there = np.eye(3, dtype=np.float32)[[0, 0, 1, 1, 2, 2] * 10]
    found = probe(embedded(words, there), "site", policy)
    assert found is not None
    assert (found.auroc.value, found.groups) == (1, 3)
