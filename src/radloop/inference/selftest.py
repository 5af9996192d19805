"""A bundle's own images and what they must give, on this machine, before it may answer."""

from __future__ import annotations

import io
import zipfile

import numpy as np
from numpy.typing import NDArray

from radloop.errors import IntegrityError
from radloop.inference.bundle import SELFTEST, Bundle, BundleFacts
from radloop.inference.calibration import probabilities
from radloop.inference.engine import Engine
from radloop.inference.precision import Precision

TOLERANCE = 1e-4
"""Kernels for different CPUs move a probability by up to 1e-5 in 32-bit arithmetic; a wrong normalisation or a wrong file
move it by more than 1e-3."""
BF16_TOLERANCE = 0.02
"""In bf16 they round other numbers, which adds up to less than a half of what bf16 itself may move."""
IN_F32 = "f32_"
"""Begins the names of what a bundle of another precision gives in 32 bits."""

Cases = dict[str, NDArray[np.float64]]


def answers(engine: Engine, facts: BundleFacts, images: NDArray[np.uint8], clinical: NDArray[np.float32]) -> Cases:
    """Return what a bundle gives for a few images: `probabilities` [n, K], and `grades` and `masks` where it has them.

    Args:
        engine: of the bundle.
        facts: of the bundle.
        images: prepared, uint8 [n, size, size].
        clinical: float32 [n, D].
    """
    outputs = [engine.run(image, row) for image, row in zip(images, clinical, strict=True)]
    logits = np.stack([output.logits for output in outputs])
    found = {"probabilities": probabilities(logits, facts.labels.kind, facts.calibration.temperatures)}
    if facts.severity:
        found["grades"] = np.stack([np.asarray(output.grades, dtype=np.float64) for output in outputs])
    if facts.location:
        found["masks"] = np.stack([np.asarray(output.mask, dtype=np.float64) for output in outputs])
    return found


def selftest_inputs(bundle: Bundle) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return the images and clinical values of a bundle's self-test, which `run_selftest` has read before."""
    with np.load(io.BytesIO(bundle.read(SELFTEST)), allow_pickle=False) as archive:
        return archive["images"], archive["clinical"]


def run_selftest(bundle: Bundle, engine: Engine) -> float:
    """Return the largest difference from what the bundle was sealed with, in the precision that the engine runs in.

    Raises:
        IntegrityError: `selftest_failed`: it is above the tolerance, or the file is not a self-test.
    """
    try:
        with np.load(io.BytesIO(bundle.read(SELFTEST)), allow_pickle=False) as archive:
            cases = dict(archive)
        actual = answers(engine, bundle.facts, cases.pop("images"), cases.pop("clinical"))
        cases = _of_precision(cases, bundle.facts, engine.precision)
        if {name: array.shape for name, array in cases.items()} != {name: array.shape for name, array in actual.items()}:
            raise ValueError("other cases")
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise _failed(f"{SELFTEST} is not a self-test ({type(error).__name__})") from error
    difference = max(float(np.max(np.abs(actual[name] - expected))) for name, expected in cases.items())
    # Written so that a NaN fails.
    tolerance = TOLERANCE if engine.precision == "f32" else BF16_TOLERANCE
    if not difference <= tolerance:
        raise _failed(f"what the network says differs by {difference:.2g}, more than {tolerance:g}")
    return difference


def _of_precision(cases: Cases, facts: BundleFacts, precision: Precision) -> Cases:
    """Return what is expected in a precision: the bundle's own, or f32, which a bundle of another one keeps beside it."""
    if precision == facts.engine.precision:
        return {name: array for name, array in cases.items() if not name.startswith(IN_F32)}
    return {name.removeprefix(IN_F32): array for name, array in cases.items() if name.startswith(IN_F32)}


def _failed(reason: str) -> IntegrityError:
    return IntegrityError(
        "selftest_failed", f"bundle: the self-test failed: {reason}", "package the model again for this kind of machine"
    )
