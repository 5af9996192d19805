"""An installation that serves one bundle with a reference, and whose record a test fills."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from installations import Installation, make_installation
from numpy.typing import NDArray

from radloop.images.quality import QUALITY
from radloop.records.answers import AnswerRecord, answers_folder
from radloop.records.feedback import Given, feedback_folder, payload
from tests.bundles import make_bundle
from tests.recorded import answer_payload, embedded, scored
from tests.services import point

WIDTH = 16


@dataclass(frozen=True)
class Population:
    """Where images come from: how far embeddings, greys and probabilities lie from the reference's."""

    embedding: float = 0.0
    grey: float = 0.0
    score: float = 1.0
    female: float = 0.5

    def draw(self, n: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        """Return n images: embeddings, scores, quality and sex."""
        quality = rng.normal(0.5, 0.1, (n, len(QUALITY)))
        quality[:, QUALITY.index("mean")] += self.grey
        return {
            "embeddings": rng.normal(self.embedding, 1, (n, WIDTH)),
            "probabilities": rng.beta(self.score, 1, (n, 1)),
            "quality": quality,
            "sex": np.where(rng.random(n) < self.female, "F", "M"),
        }


OWN = Population()


def reference_of(images: Mapping[str, NDArray[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a bundle carries of its images of `calibrate`."""
    n = len(images["embeddings"])
    arrays = {name: images[name] for name in ("embeddings", "probabilities", "quality")}
    arrays |= {"admitted": np.ones(n, dtype=bool), "patients": np.arange(n)}
    sexes = {word: int((images["sex"] == word).sum()) for word in ("F", "M")}
    return arrays, {"n": n, "quality": list(QUALITY), "quality_of": "source", "counts": {"sex": sexes, "site": {}}}


@dataclass
class Watched:
    """An installation under watch; `record` adds answers to it."""

    installation: Installation
    bundle: Path
    number: int = 0

    @property
    def digest(self) -> str:
        """Return the bundle's digest."""
        return f"sha256:{self.bundle.name}"

    def payloads(self, images: Mapping[str, NDArray[Any]], **changes: Any) -> Iterator[dict[str, Any]]:
        """Yield the payloads of answers for some images."""
        model = {"version": 1, "bundle": self.digest, "data_version": "d", "evidence": None}
        for k in range(len(images["embeddings"])):
            members = {
                "model": model,
                "embedding": embedded(images["embeddings"][k]),
                "quality": dict(zip(QUALITY, images["quality"][k].tolist(), strict=True)),
                "sex": str(images["sex"][k]),
                **scored(float(images["probabilities"][k, 0])),
            }
            yield answer_payload(self.number, **(members | changes))
            self.number += 1

    def record(self, images: Mapping[str, NDArray[Any]], **changes: Any) -> list[str]:
        """Append answers for some images and return the requests' ids."""
        kept = list(self.payloads(images, **changes))
        append(answers_folder(self.installation.settings), kept)
        return [item["request_id"] for item in kept]

    def label(self, request_ids: list[str], labels: list[str], reader: str | None = "Ito", minute: int = 0) -> None:
        """Append feedback."""
        answers = [
            {"request_id": name, "use_case": "tb-cxr", "model": {"bundle": self.digest}, "patient": None} for name in request_ids
        ]
        time = f"2026-06-01T00:{minute:02}:00.000000+00:00"
        given = [payload(Given(time, (word,), reader), answer, None, "csv") for answer, word in zip(answers, labels, strict=True)]
        append(feedback_folder(self.installation.settings), given)


def append(folder: Path, payloads: list[dict[str, Any]]) -> None:
    """Append payloads to a record."""
    record = AnswerRecord(folder)
    for item in payloads:
        record.append(item)
    record.close()


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """Return an installation that serves a bundle whose `calibrate` had 150 images."""
    site = make_installation(tmp_path / "site")
    bundle = make_bundle(site.settings.bundles, reference=reference_of(OWN.draw(150, np.random.default_rng(1))))
    point(bundle)
    return Watched(site, bundle)
