"""Small use cases of every kind, and calibrate images for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from radloop.clinical import fit_inputs, matrix
from radloop.data.truths import truths
from radloop.images.quality import QUALITY
from radloop.training.pixels import Pixels
from radloop.use_case import UseCase
from tests.bundles import make_images
from tests.validation.frames import use_case

SIZE = 64
MASKED = {"source": {"columns": {"mask": "mask"}}, "location": {"stride": 4}}
CASES: dict[str, UseCase] = {
    "binary": use_case(),
    "multiclass": use_case({"kind": "multiclass", "classes": ["glioma", "none", "pituitary"]}),
    "multilabel": use_case({"kind": "multilabel", "findings": ["mass", "nodule", "hernia"], "none": "none"}),
    "fusion": use_case(
        source={"columns": {"extent": "extent"}},
        severity={"levels": ["ward", "intensive", "died"], "cuts": [1.0, 2.0]},
        clinical={
            "temperature": {"column": "temp", "unit": "Cel", "low": 30, "high": 45},
            "fever": {"column": "fever", "words": {"Y": "yes", "N": "no"}},
        },
        fusion={"values": ["age", "sex", "temperature", "fever"]},
    ),
    "location": use_case(**MASKED),
    "segmentation": use_case({"kind": "segmentation", "target": "tumour"}, **MASKED),
}


def make_pixels(case: UseCase, n: int = 24, seed: int = 0) -> Pixels:
    """Return n images of `calibrate` with every label in turn, and clinical values of which some are unknown."""
    random = np.random.default_rng(seed)
    words = case.labels.words
    frame = pd.DataFrame(
        {
            "split": ["calibrate"] * n,
            "label": [words[number % len(words)] for number in range(n)],
            "age": [None if number % 5 == 0 else 20.0 + number for number in range(n)],
            "sex": [("F", "M", None)[number % 3] for number in range(n)],
            "site": "A",
            "view": "PA",
            "patient": [f"P{number // 2}" for number in range(n)],
            **{name: random.random(n) for name in QUALITY},
            "clinical_temperature": random.normal(38.0, 1.0, n),
            "clinical_fever": [("yes", "no", None)[number % 3] for number in range(n)],
        }
    )
    for k, finding in enumerate(case.outputs):
        frame[f"finding_{finding}"] = [np.nan if (number + k) % 7 == 0 else float(number % (k + 2) == 0) for number in range(n)]
    names = case.fusion.values if case.fusion else ()
    columns: dict[str, Any] = {
        name: frame[name if name in ("age", "sex") else f"clinical_{name}"]
        .astype(object)
        .where(lambda s: s.notna(), None)
        .tolist()
        for name in names
    }
    inputs = fit_inputs(case, columns)
    return Pixels(
        images=make_images(n, seed, SIZE),
        truths=truths(frame, case).astype(np.float32),
        frame=frame,
        clinical=matrix(inputs, columns) if inputs else None,
        inputs=inputs,
    )
