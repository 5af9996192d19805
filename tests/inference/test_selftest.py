"""A bundle that does not give its own answers does not answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from radloop.errors import IntegrityError
from radloop.inference.bundle import CONTENT, SELFTEST, Bundle
from radloop.inference.openvino_engine import OpenVINOEngine
from radloop.inference.predictor import Predictor
from radloop.inference.selftest import TOLERANCE, run_selftest
from radloop.inference.verification import verify_bundle
from radloop.records.seal import digest_files
from tests.bundles import KINDS, SIZE, make_bundle


def test_it_passes_on_the_machine_that_made_it(sealed: Path) -> None:
    assert run_selftest(verify_bundle(sealed), OpenVINOEngine(sealed / "bundle", SIZE)) < 1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_everything_that_is_answered_is_tested(kinds: dict[str, Predictor], tmp_path: Path, kind: str) -> None:
    bundle = kinds[kind].bundle
    engine = OpenVINOEngine(bundle.content, SIZE)
    with np.load(bundle.content / SELFTEST) as archive:
        cases = dict(archive)
    judged = {"fusion": {"probabilities", "grades"}, "location": {"probabilities", "masks"}}
    expected = judged.get(kind, {"probabilities", "masks"} if kind == "segmentation" else {"probabilities"})
    assert set(cases) == {"images", "clinical"} | expected
    assert run_selftest(bundle, engine) < 1e-9
    (tmp_path / CONTENT).mkdir()
    for name in expected:
        np.savez(tmp_path / CONTENT / SELFTEST, **cases | {name: cases[name] + 1.5 * TOLERANCE})
        copy = Bundle(bundle.facts, tmp_path, bundle.digest, digest_files(tmp_path / CONTENT))
        with pytest.raises(IntegrityError, match="differs by"):
            run_selftest(copy, engine)


@pytest.mark.parametrize("shift", [1.5 * TOLERANCE, float("nan")])
def test_other_probabilities_fail(tmp_path: Path, shift: float) -> None:
    with pytest.raises(IntegrityError) as caught:
        Predictor(make_bundle(tmp_path, selftest_shift=shift))
    assert caught.value.code == "selftest_failed"


def test_a_difference_within_the_tolerance_passes(tmp_path: Path) -> None:
    Predictor(make_bundle(tmp_path, selftest_shift=0.5 * TOLERANCE))


def test_a_file_that_is_no_selftest_fails(folder: Path) -> None:
    bundle, engine = verify_bundle(folder), OpenVINOEngine(folder / "bundle", SIZE)
    images, clinical = np.zeros((1, SIZE, SIZE), np.uint8), np.zeros((1, 0), np.float32)
    cases: list[dict[str, np.ndarray]] = [
        {},
        {"images": images[:0], "clinical": clinical[:0], "probabilities": np.zeros((0, 1))},
        {"images": images.astype(np.float32), "clinical": clinical, "probabilities": np.zeros((1, 1))},
        {"images": images.astype(object), "clinical": clinical, "probabilities": np.zeros((1, 1))},
        {"images": images, "probabilities": np.zeros((1, 1))},
        {"images": images, "clinical": clinical},
        {"images": images, "clinical": clinical, "probabilities": np.zeros(1)},
        {"images": images, "clinical": clinical, "probabilities": np.zeros((1, 1)), "masks": np.zeros((1, 8, 8))},
    ]
    for arrays in cases:
        np.savez(folder / "bundle" / SELFTEST, **arrays)
        with pytest.raises(IntegrityError, match="not a self-test"):
            run_selftest(replace(bundle, files=digest_files(bundle.content)), engine)
    (folder / "bundle" / SELFTEST).write_bytes(b"no archive")
    with pytest.raises(IntegrityError, match="not a self-test"):
        run_selftest(replace(bundle, files=digest_files(bundle.content)), engine)
