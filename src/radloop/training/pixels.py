"""Decoding happens once: the images of a data version at training size, memory-mapped and shared by all trials."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radloop.clinical import ClinicalInput, column, fit_inputs, matrix
from radloop.data.manifest import read_manifest, usable
from radloop.data.storing import VERSION
from radloop.data.truths import grades, truths
from radloop.errors import IntegrityError, Refusal
from radloop.images.pool import Pool
from radloop.records.seal import digest_document
from radloop.settings import Settings
from radloop.training.masks import UNKNOWN, write_masks
from radloop.use_case import Split, UseCase


@dataclass(frozen=True)
class Pixels:
    """The prepared images of a data version and what is known of them, in the manifest's order.

    Attributes:
        images: uint8 [n, S, S], read-only.
        truths: float32 [n, K], columns as `UseCase.outputs`: 1, 0, or NaN where it is unknown.
        frame: the manifest's n rows that splits use; what is excluded is not there.
        grades: the level of severity, int64 [n], -1 where unknown; None in a use case without severity.
        clinical: the network's clinical input, float32 [n, D], zeros where unknown; None without a fusion.
        inputs: what the clinical columns mean, fitted on `train`; empty without a fusion.
        masks: uint8 [n, S, S], read-only: 1 inside, 0 outside, 255 where nobody said; None without a location.
        weights: of the truths in the loss, float32 [n, K]; None weighs all the same.
    """

    images: NDArray[np.uint8]
    truths: NDArray[np.float32]
    frame: pd.DataFrame
    grades: NDArray[np.int64] | None = None
    clinical: NDArray[np.float32] | None = None
    inputs: tuple[ClinicalInput, ...] = ()
    masks: NDArray[np.uint8] | None = None
    weights: NDArray[np.float32] | None = None

    @property
    def labels(self) -> NDArray[np.int64]:
        """Return 1 where the one output is true, otherwise 0, int64 [n].

        Raises:
            ValueError: there are several outputs, or the truth of a row is unknown.
        """
        if self.truths.shape[1] != 1 or np.isnan(self.truths).any():
            raise ValueError("only a use case with one output, known in every image, has labels of 0 and 1")
        return self.truths[:, 0].astype(np.int64)

    def indices(self, split: Split) -> NDArray[np.int64]:
        """Return the rows of a split."""
        return np.flatnonzero(self.frame["split"].to_numpy() == split)

    def taught(self, split: Split) -> NDArray[np.int64]:
        """Return the rows of a split of which anything is known that a network can learn: a truth, a grade or a mask."""
        rows = self.indices(split)
        known: NDArray[np.bool_] = np.asarray(np.isfinite(self.truths[rows]).any(axis=1))
        if self.grades is not None:
            known |= self.grades[rows] >= 0
        if self.masks is not None:
            # Only the rows that nothing else is known of are looked at: the masks of all of them may be large.
            for place in np.flatnonzero(~known):
                known[place] = bool((self.masks[rows[place]] != UNKNOWN).any())
        return rows[known]


def load_pixels(
    use_case: UseCase, data_version: str, settings: Settings, progress: Callable[[int, int], None] | None = None
) -> Pixels:
    """Return the prepared images and what is known of them, from the cache where it has them.

    Args:
        use_case: says how pixels are prepared.
        data_version: keys the cache, with the preparation.
        progress: called with (images done, images in all) while the cache is made, of images and then of masks.

    Raises:
        IntegrityError: the manifest, an image or a mask cannot be read any more.
    """
    folder = settings.data / use_case.name
    frame = usable(read_manifest(folder)).reset_index(drop=True)
    found = truths(frame, use_case)
    recipe = {"data": data_version, "image": use_case.image.model_dump(mode="json"), "layout": VERSION}
    path = _path(use_case.name, recipe, settings)
    if not path.is_file():
        _build(path, folder, frame, use_case, settings.workers, progress)
    inputs, clinical = _clinical(frame, use_case)
    return Pixels(
        images=np.load(path, mmap_mode="r"),
        truths=found.astype(np.float32),
        frame=frame,
        grades=grades(frame, use_case) if use_case.severity is not None else None,
        clinical=clinical,
        inputs=inputs,
        masks=_masks(folder, frame, found, use_case, recipe, settings, progress),
    )


def _path(name: str, recipe: dict[str, Any], settings: Settings) -> Path:
    key = digest_document(recipe).removeprefix("sha256:")[:16]
    return settings.place / "cache" / "pixels" / f"{name}-{key}.npy"


def _clinical(frame: pd.DataFrame, use_case: UseCase) -> tuple[tuple[ClinicalInput, ...], NDArray[np.float32] | None]:
    """Return the clinical inputs, fitted on `train`, and the values of all rows as the network takes them."""
    if use_case.fusion is None:
        return (), None
    names = use_case.fusion.values
    inputs = fit_inputs(use_case, _columns(frame[frame["split"] == "train"], names))
    return inputs, matrix(inputs, _columns(frame, names))


def _columns(frame: pd.DataFrame, names: Iterable[str]) -> dict[str, list[Any]]:
    """Return the values of clinical names."""
    return {name: frame[column(name)].tolist() for name in names}


def _masks(
    folder: Path,
    frame: pd.DataFrame,
    found: NDArray[np.float64],
    use_case: UseCase,
    recipe: dict[str, Any],
    settings: Settings,
    progress: Callable[[int, int], None] | None,
) -> NDArray[np.uint8] | None:
    if use_case.location is None:
        return None
    # The labels count: an image without the finding has a mask although nobody drew one.
    key = recipe | {"masks": True, "labels": use_case.labels.model_dump(mode="json")}
    path = _path(f"{use_case.name}-masks", key, settings)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_masks(path, folder, frame, (found == 0).all(axis=1), use_case.image.size, settings.workers, progress)
    masks: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    return masks


def _build(
    path: Path,
    folder: Path,
    frame: pd.DataFrame,
    use_case: UseCase,
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part.npy")
    shape = (len(frame), use_case.image.size, use_case.image.size)
    cache = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
    files = [folder / str(name) for name in frame["path"]]
    jobs = (((file, number, use_case.image), file.stat().st_size) for file, number in zip(files, frame["frame"], strict=True))
    with Pool(workers) as pool:
        for number, reply in enumerate(pool.map("radloop.data.storing:prepared", jobs)):
            if isinstance(reply, Refusal):
                raise IntegrityError("data_changed", f"image {frame['id'][number]} cannot be decoded any more", _RESTORE)
            cache[number] = reply[1][0]
            if progress:
                progress(number + 1, len(frame))
    cache.flush()
    del cache
    temporary.replace(path)


_RESTORE = "restore it with `radloop data restore`, or ingest again"
