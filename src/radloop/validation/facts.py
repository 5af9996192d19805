"""What Great Expectations cannot see by itself, as columns: is the file intact, who shares a patient, a clip, a place."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd

from radloop.use_case import FindingLabels, UseCase
from radloop.validation.drift import QUALITY_EDGES

REQUIRED = ("id", "patient", "split", "kind")
"""What every row has, whether its image was read or not."""
REQUIRED_OF_FILES = ("format", "sha256", "pixels")
"""What every row has besides, once its image was read."""
_NUMBERS = frozenset({"age", "position", "frame", "seconds", "rows", "columns", "bits", "extent", *QUALITY_EDGES})
_SPLITS = {
    "patient_splits": "patient",
    "group_splits": "group",
    "pixel_splits": "pixels",
    "series_splits": "series",
    "clip_splits": "clip",
}


def tidied(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a manifest with one word for unknown: None for words, NaN for numbers; an empty word is unknown.

    What is not a number in a column of numbers is unknown too, so that every later step can compute.
    """
    columns = {}
    for name in frame.columns:
        values = frame[name]
        if name in _NUMBERS or str(name).startswith("finding_"):
            columns[name] = pd.to_numeric(values, errors="coerce")
        elif values.isna().all() or values.dtype == object:
            columns[name] = values.astype(object).mask(values.isna() | (values == ""), None)
    return frame.assign(**columns)


def with_row_facts(frame: pd.DataFrame, folder: Path | None, workers: int) -> pd.DataFrame:
    """Return a tidied manifest with what is said of all rows, excluded ones too.

    Args:
        frame: n rows.
        folder: the data folder that paths are relative to; None leaves the files alone.
        workers: threads that hash; the hash releases the interpreter.

    Returns:
        the frame with `named` (the id, or `row N` where there is none), `complete`, `present` and `intact` (with a
        folder), `clip_found` (a frame's clip is listed) and `frames_agree` (a clip has as many frames as it says).
    """
    number = pd.Series([f"row {place}" for place in range(1, len(frame) + 1)], index=frame.index)
    required = REQUIRED if folder is None else REQUIRED + REQUIRED_OF_FILES
    facts: dict[str, Any] = {
        "named": frame["id"].astype(object).where(frame["id"].notna(), number),
        "complete": frame[list(required)].notna().all(axis=1),
    }
    clips = frame["kind"] == "clip"
    frames = frame["kind"] == "frame"
    taken = frame["id"].map(frame.loc[frames, "clip"].value_counts()).fillna(0)
    facts["clip_found"] = ~frames | frame["clip"].isin(frame.loc[clips, "id"])
    facts["frames_agree"] = ~clips | frame["frame"].isna() | (taken == frame["frame"])
    if folder is not None:
        facts |= _file_facts(frame, folder, workers)
    return frame.assign(**facts)


def _file_facts(frame: pd.DataFrame, folder: Path, workers: int) -> dict[str, pd.Series]:
    paths = [str(path) for path in frame["path"].dropna().unique()]
    with ThreadPoolExecutor(max_workers=workers) as pool:
        digests = dict(zip(paths, pool.map(lambda path: _digest(folder / path), paths), strict=True))
    # A clip is stored as its frames: it has no file of its own that could be missing or changed.
    exempt = (frame["kind"] == "clip") & frame["path"].isna()
    found = frame["path"].map(digests)
    return {"present": exempt | found.notna(), "intact": exempt | (found.notna() & (found == frame["sha256"]))}


def _digest(path: Path) -> str | None:
    """Return a file's sha256, or None if it cannot be opened."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None


def with_image_facts(frame: pd.DataFrame, use_case: UseCase) -> pd.DataFrame:
    """Return the rows that splits use with what decides whether they can be learnt from and judged on.

    Args:
        frame: tidied rows with row facts.

    Returns:
        the frame with `labelled`, `label_known`, `age_band`; how many splits hold its patient, group, pixels, series and
        clip (NaN where unknown); and of DICOM images `series_known`, `position_known` and `same_position`: images
        of the series at its place, itself included.
    """
    labelled, known = _label_facts(frame, use_case)
    facts: dict[str, Any] = {
        "labelled": labelled,
        "label_known": known,
        "age_band": frame["age"].map(use_case.subgroups.age_band).astype(object),
    }
    facts |= {name: frame.groupby(column)["split"].transform("nunique") for name, column in _SPLITS.items()}
    # A frame of a multi-frame file has its clip where a file of its own has its series.
    slices = (frame["format"] == "dicom") & (frame["kind"] == "image")
    facts["series_known"] = ~slices | frame["series"].notna()
    facts["position_known"] = ~slices | frame["position"].notna()
    facts["same_position"] = frame[slices].groupby(["series", "position"])["split"].transform("size").reindex(frame.index)
    return frame.assign(**facts)


def _label_facts(frame: pd.DataFrame, use_case: UseCase) -> tuple[pd.Series, pd.Series]:
    if not isinstance(use_case.labels, FindingLabels):
        return frame["label"].notna(), frame["label"].isna() | frame["label"].isin(use_case.labels.words)
    findings = frame[[f"finding_{word}" for word in use_case.labels.findings if f"finding_{word}" in frame]]
    return findings.notna().any(axis=1), (findings.isna() | findings.isin([0.0, 1.0])).all(axis=1)
