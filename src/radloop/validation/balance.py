"""How labels, splits and subgroups are filled: counts that the expectations judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from radloop.use_case import SPLITS, FindingLabels, UseCase


def cells(frame: pd.DataFrame, use_case: UseCase) -> pd.DataFrame:
    """Return one row for each split and label, or split and finding, absent ones as 0.

    Args:
        frame: the rows that splits use.

    Returns:
        `cell` such as `test/normal`, `split`, `label`, `images` that have it, `known`: images of the split where it
        is known, `unknown`: the share where it is not (0 in an empty split).
    """
    has = indicators(frame, use_case)
    rows = []
    for split in SPLITS:
        inside = has[(frame["split"] == split).to_numpy()]
        for word in has.columns:
            known = int(inside[word].notna().sum())
            unknown = 1 - known / len(inside) if len(inside) else 0.0
            images = int(inside[word].sum())
            rows.append(
                {"cell": f"{split}/{word}", "split": split, "label": word, "images": images, "known": known, "unknown": unknown}
            )
    return pd.DataFrame(rows)


def indicators(frame: pd.DataFrame, use_case: UseCase) -> pd.DataFrame:
    """Return one column for each label word: 1 the image has it, 0 it has not, NaN unknown."""
    labels = use_case.labels
    if not isinstance(labels, FindingLabels):
        known = frame["label"].notna()
        words = {word: (frame["label"] == word).astype(float).where(known) for word in labels.words}
        return pd.DataFrame(words, index=frame.index)
    columns = {word: frame[f"finding_{word}"] for word in labels.findings if f"finding_{word}" in frame}
    found = pd.DataFrame(columns, index=frame.index).astype(float)
    if not columns:
        return found
    none = pd.Series(float("nan"), index=frame.index).mask((found == 0).all(axis=1), 1.0).mask((found > 0).any(axis=1), 0.0)
    return found.assign(**{labels.none: none})


def imbalances(cells: pd.DataFrame) -> dict[str, float]:
    """Return how far each label's share in a split is from its share in the whole, by cell; empty cells are left out."""
    images, known = cells["images"].astype(float), cells["known"].astype(float)
    whole = images.groupby(cells["label"]).transform("sum") / known.groupby(cells["label"]).transform("sum")
    differences = (images / known - whole).abs()
    return {str(cell): float(value) for cell, value in zip(cells["cell"], differences, strict=True) if value == value}


def split_shares(frame: pd.DataFrame) -> dict[str, float]:
    """Return the share of the patients that each split has, absent splits as 0."""
    patients = frame.groupby("split")["patient"].nunique()
    total = sum(int(patients.get(split, 0)) for split in SPLITS)
    return {split: int(patients.get(split, 0)) / total if total else 0.0 for split in SPLITS}


def subgroup_sizes(frame: pd.DataFrame, subgroups: Sequence[Mapping[str, str]]) -> dict[str, int]:
    """Return how many images of `test` each subgroup has, by `attribute=value`."""
    test = frame[frame["split"] == "test"]
    pairs = [(group["attribute"], group["value"]) for group in subgroups]
    return {f"{name}={value}": int((test[name] == value).sum()) for name, value in pairs}
