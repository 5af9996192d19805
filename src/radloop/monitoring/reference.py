"""What drift is measured against: `calibrate` as the bundle carries it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radloop.errors import IntegrityError
from radloop.images.quality import QUALITY
from radloop.inference.bundle import CONTENT, BundleFacts, read_facts

_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reference:
    """One image a patient of `calibrate`, m of them, that the bundle would answer for.

    Attributes:
        embeddings: [m, C], rounded to 16 bits as the record's are.
        scores: calibrated probabilities [m, K].
        quality: of the images as they came, [m, 7]; None in a bundle that measured something else.
        counts: likewise, by word of sex, age_band and site, unknown left out; what the bundle does not count is missing.
        refused: images of `calibrate` that the bundle would refuse, and how many there are; None where it does not say.
    """

    embeddings: NDArray[np.float64]
    scores: NDArray[np.float64]
    quality: NDArray[np.float64] | None
    counts: Mapping[str, Mapping[str, int]]
    refused: tuple[int, int] | None


def read_reference(folder: Path) -> tuple[Reference, BundleFacts]:
    """Read what a bundle carries, and its facts.

    Args:
        folder: of the bundle, named by its digest.

    Raises:
        IntegrityError: `missing_bundle` or `tampered_bundle`.
    """
    content = folder / CONTENT
    facts = read_facts(content)
    try:
        with np.load(content / "reference.npz", allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        document = json.loads((content / "reference.json").read_bytes())
        return _reference(arrays, document), facts
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise IntegrityError(
            "tampered_bundle", "bundle: its reference cannot be read", "restore the bundle from its copy in MLflow"
        ) from error


def rounded(embeddings: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return embeddings as the record keeps them: a comparison must not see how they were stored."""
    most = float(np.finfo(np.float16).max)
    return np.asarray(np.clip(embeddings, -most, most).astype(np.float16), dtype=np.float64)


def _reference(arrays: Mapping[str, NDArray[np.generic]], document: Mapping[str, object]) -> Reference:
    n = len(arrays["embeddings"])
    admitted = np.asarray(arrays.get("admitted", np.ones(n, dtype=np.bool_)), dtype=np.bool_)
    kept = np.flatnonzero(admitted)
    if "patients" in arrays:
        kept = kept[np.unique(arrays["patients"][kept], return_index=True)[1]]
    listed = document.get("counts")
    counts = listed if isinstance(listed, dict) else {}
    same = document.get("quality_of") == "source" and document.get("quality") == list(QUALITY)
    return Reference(
        embeddings=rounded(np.asarray(arrays["embeddings"][kept], dtype=np.float64)),
        scores=np.asarray(arrays["probabilities"][kept], dtype=np.float64),
        quality=np.asarray(arrays["quality"][kept], dtype=np.float64) if same else None,
        counts={
            name: {word: int(number) for word, number in words.items() if word != _UNKNOWN}
            for name, words in counts.items()
            if name in ("sex", "age_band", "site")
        },
        refused=(int(n - admitted.sum()), n) if "admitted" in arrays else None,
    )
