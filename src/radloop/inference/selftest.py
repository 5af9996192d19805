"""A bundle's own images and what they must give, on this machine, before it may answer."""

from __future__ import annotations

import zipfile

import numpy as np

from radloop.errors import IntegrityError
from radloop.inference.bundle import SELFTEST, Bundle
from radloop.inference.calibration import probability
from radloop.inference.engine import Engine

TOLERANCE = 1e-4
"""Kernels for different CPUs move a probability by up to 1e-5 in 32-bit arithmetic; bf16, a wrong
normalisation or a wrong file move it by more than 1e-3."""


def run_selftest(bundle: Bundle, engine: Engine) -> float:
    """Return the largest difference from the probabilities that the bundle was sealed with.

    Raises:
        IntegrityError: `selftest_failed`: it is above the tolerance, or the file is not a self-test.
    """
    try:
        with np.load(bundle.content / SELFTEST, allow_pickle=False) as archive:
            images, expected = archive["images"], archive["probabilities"]
        if not len(images) or len(images) != len(expected):
            raise ValueError("no cases")
        logits = [engine.run(image).logit for image in images]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise _failed(f"{SELFTEST} is not a self-test ({type(error).__name__})") from error
    actual = probability(logits, bundle.facts.calibration.temperature)
    difference = float(np.max(np.abs(actual - expected)))
    # Written so that a NaN fails.
    if not difference <= TOLERANCE:
        raise _failed(f"probabilities differ by {difference:.2g}, more than {TOLERANCE:g}")
    return difference


def _failed(reason: str) -> IntegrityError:
    return IntegrityError(
        "selftest_failed", f"bundle: the self-test failed: {reason}", "package the model again for this kind of machine"
    )
