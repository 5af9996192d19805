"""What Great Expectations cannot see by itself, as columns: does the file decode, is it intact, who shares a patient."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pandas as pd

from radloop.errors import Refusal
from radloop.images.decode import decode
from radloop.use_case import SPLITS, UseCase


def with_facts(frame: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Return the manifest with the columns `intact`, `decodes` and `patient_splits`.

    Args:
        frame: a manifest of n rows.
        folder: the data folder that its paths are relative to.
    """
    checked = [_checked(folder / str(path), str(digest)) for path, digest in zip(frame["path"], frame["sha256"], strict=True)]
    return frame.assign(
        intact=[intact for intact, _ in checked],
        decodes=[decodes for _, decodes in checked],
        patient_splits=frame.groupby("patient")["split"].transform("nunique"),
    )


def _checked(path: Path, digest: str) -> tuple[bool, bool]:
    try:
        content = path.read_bytes()
    except OSError:
        return False, False
    try:
        decode(content)
    except Refusal:
        return sha256(content).hexdigest() == digest, False
    return sha256(content).hexdigest() == digest, True


def counts(frame: pd.DataFrame, use_case: UseCase) -> pd.DataFrame:
    """Return one row for each split and label with its number of images, absent ones as 0."""
    sizes = frame.groupby(["split", "label"]).size()
    rows = [
        {"cell": f"{split}/{label}", "split": split, "label": label, "images": int(sizes.get((split, label), 0))}
        for split in SPLITS
        for label in use_case.labels.words
    ]
    return pd.DataFrame(rows)
