"""Masks at training size: where the finding is, where it is not, and where nobody said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from radloop.errors import IntegrityError, Refusal
from radloop.images.pool import Pool

UNKNOWN = 255
"""A pixel of which nobody said whether it belongs to the finding."""


def squared(mask: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Bring a stored mask to the network's input as `images.preprocessing.prepare` brings its image, by its nearest pixels.

    Args:
        mask: uint8 [rows, columns], above half of 255 inside.
        size: the side of the network's input.

    Returns:
        uint8 [size, size], 1 inside and 0 outside.
    """
    image = Image.fromarray(np.ascontiguousarray(mask))
    return (np.asarray(image.resize((size, size), Image.Resampling.NEAREST)) > 127).astype(np.uint8)


def write_masks(
    path: Path,
    folder: Path,
    frame: pd.DataFrame,
    absent: NDArray[np.bool_],
    size: int,
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Write the masks of all rows as one array, uint8 [n, size, size]: 1 inside, 0 outside, `UNKNOWN` where none was drawn.

    Args:
        path: of the array; it is there whole or not at all.
        folder: which the manifest's paths start from.
        frame: the rows; `mask` names a stored PNG or is null.
        absent: bool [n], the rows that have no finding: without a mask, all of them is outside.
        size: the side of the network's input.
        workers: processes that decode.
        progress: called with (rows done, rows in all).

    Raises:
        IntegrityError: a stored mask cannot be read.
    """
    temporary = path.with_suffix(".part.npy")
    cache = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=(len(frame), size, size))
    drawn = np.flatnonzero(frame["mask"].notna().to_numpy())
    cache[absent] = 0
    cache[~absent] = UNKNOWN
    with Pool(workers) as pool:
        replies = pool.map("radloop.images.decode:decoded_reply", _jobs(folder, frame.iloc[drawn]))
        for done, (row, reply) in enumerate(zip(drawn, replies, strict=True)):
            if isinstance(reply, Refusal):
                raise _changed(frame["id"].iloc[row])
            cache[row] = squared(reply[1][-1], size)
            if progress:
                progress(done + 1, len(drawn))
    cache.flush()
    del cache
    temporary.replace(path)


def _jobs(folder: Path, frame: pd.DataFrame) -> Iterator[tuple[tuple[bytes, None], int]]:
    for name, path in zip(frame["id"], frame["mask"], strict=True):
        try:
            content = (folder / str(path)).read_bytes()
        except OSError:
            raise _changed(name) from None
        yield (content, None), len(content)


def _changed(name: str) -> IntegrityError:
    return IntegrityError(
        "data_changed",
        f"the mask of image {name} cannot be read any more",
        "restore it with `radloop data restore`, or ingest again",
    )
