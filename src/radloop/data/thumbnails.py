"""Thumbnails of a data version: kept by ingest, made anew where the data came from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radloop.data.places import index_path
from radloop.data.pseudonym_key import pseudonym_key
from radloop.data.store_index import StoreIndex
from radloop.errors import Refusal
from radloop.images.pool import Pool
from radloop.settings import Settings
from radloop.use_case import UseCase

Progress = Callable[[int, int], None]


def thumbnails(
    use_case: UseCase,
    frame: pd.DataFrame,
    settings: Settings,
    progress: Progress | None = None,
    folder: Path | None = None,
) -> dict[str, NDArray[np.uint8]]:
    """Return uint8 [64, 64] by id for the stored images of a manifest; what is not there or cannot be decoded has none.

    Args:
        use_case: says how pixels are read.
        frame: a manifest; clips have no thumbnail of their own.
        progress: called with (images done, images to do) while missing ones are made.
        folder: that holds the files; `data/UC` by default.
    """
    with StoreIndex(index_path(use_case.name, settings), pseudonym_key(use_case, settings)) as index:
        found = index.thumbnails()
        stored = frame[frame["path"].notna()]
        for name in stored["id"]:  # a second copy of the same bytes looks the same
            first = str(name).rpartition("-")[0]
            if name not in found and first in found:
                found[name] = found[first]
        missing = stored[~stored["id"].isin(found.keys())]
        if len(missing):
            made = _made(use_case, missing, folder or settings.data / use_case.name, settings, progress)
            index.keep_thumbnails(made)
            found |= made
    return {name: found[name] for name in stored["id"] if name in found}


def _made(
    use_case: UseCase, frame: pd.DataFrame, folder: Path, settings: Settings, progress: Progress | None
) -> dict[str, NDArray[np.uint8]]:
    present = frame[[(folder / str(path)).is_file() for path in frame["path"]]]
    if not len(present):
        return {}
    files = [folder / str(path) for path in present["path"]]
    jobs = (((file, number, use_case.image), file.stat().st_size) for file, number in zip(files, present["frame"], strict=True))
    made: dict[str, NDArray[np.uint8]] = {}
    with Pool(min(settings.workers, len(files))) as pool:
        replies = pool.map("radloop.data.storing:thumbnail", jobs)
        for count, (name, reply) in enumerate(zip(present["id"], replies, strict=True), start=1):
            if not isinstance(reply, Refusal):
                made[str(name)] = reply[1][0]
            if progress:
                progress(count, len(files))
    return made
