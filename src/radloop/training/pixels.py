"""Decoding happens once: the images of a data version at training size, memory-mapped and shared by all trials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radloop.data.manifest import read_manifest, usable
from radloop.data.storing import VERSION
from radloop.errors import IntegrityError, Refusal
from radloop.images.pool import Pool
from radloop.records.seal import digest_document
from radloop.settings import Settings
from radloop.use_case import Split, UseCase


@dataclass(frozen=True)
class Pixels:
    """The prepared images of a data version, in the manifest's order.

    Attributes:
        images: uint8 [n, size, size], read-only.
        labels: int64 [n], 1 is the positive label.
        frame: the manifest's n rows that splits use; what is excluded is not there.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    frame: pd.DataFrame

    def indices(self, split: Split) -> NDArray[np.int64]:
        """Return the rows of a split."""
        return np.flatnonzero(self.frame["split"].to_numpy() == split)


def load_pixels(
    use_case: UseCase, data_version: str, settings: Settings, progress: Callable[[int, int], None] | None = None
) -> Pixels:
    """Return the prepared images, from the cache where it has them.

    Args:
        use_case: says how pixels are prepared.
        data_version: keys the cache, with the preparation.
        progress: called with (images done, images in all) while the cache is made.
    """
    folder = settings.data / use_case.name
    positive = use_case.binary.positive
    frame = usable(read_manifest(folder)).reset_index(drop=True)
    key = digest_document({"data": data_version, "image": use_case.image.model_dump(mode="json"), "layout": VERSION})
    path = settings.place / "cache" / "pixels" / f"{use_case.name}-{key.removeprefix('sha256:')[:16]}.npy"
    if not path.is_file():
        _build(path, folder, frame, use_case, settings.workers, progress)
    images = np.load(path, mmap_mode="r")
    labels = np.asarray(frame["label"] == positive, dtype=np.int64)
    return Pixels(images, labels, frame)


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
