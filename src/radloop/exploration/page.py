"""The page to look at before training: who and what is in a data version, and what is wrong with it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radloop.data.manifest import usable
from radloop.exploration import counts, pictures
from radloop.exploration.counts import Crosstab, Mask
from radloop.exploration.figures import Mark, ridges
from radloop.exploration.limits import measured
from radloop.exploration.pictures import Thumbnails
from radloop.exploration.rendering import write_page
from radloop.exploration.table import explorable
from radloop.use_case import FindingLabels, Quarantine, UseCase

_ALWAYS = ("label", "sex", "age", "site", "view", "device", "extent")
_SMALL = ("sharpness", "border", "marker")
"""Measures that are mostly far below 1: their axis ends where they do."""
_FEW = 4
"""Classes that have a band of their own in every quality figure."""


def write_exploration(
    use_case: UseCase,
    data_version: str,
    frame: pd.DataFrame,
    thumbnails: Thumbnails,
    leaks: Sequence[Mapping[str, Any]],
    path: Path,
) -> Path:
    """Write one HTML file that asks no network, and return its path.

    Args:
        use_case: whose data they are.
        data_version: stands on the page.
        frame: the manifest; rows of clips are left out, their frames are in.
        thumbnails: uint8 [64, 64] by id; an image without one is counted and not shown.
        leaks: each {"kind", "splits", "rows"}, as ingest found them.
        path: of the file; its folder is made.
    """
    images = frame[frame["kind"] != "clip"].reset_index(drop=True)
    used = np.asarray(images.index.isin(usable(images).index), bool)
    masks = counts.class_masks(images, use_case)
    words = pictures.words_of(masks, len(images))
    kept = {name: mask[used] for name, mask in masks.items()}
    users = images[used].reset_index(drop=True)
    return write_page(
        "page.html.j2",
        path,
        use_case=use_case,
        data_version=data_version,
        overview=_overview(images, used, leaks),
        overlapping=isinstance(use_case.labels, FindingLabels),
        splits=counts.split_table(images, used, masks),
        reasons=sorted(Counter(images["excluded"].dropna()).items(), key=lambda item: (-item[1], item[0])),
        age=_age(users, kept),
        attributes=_attributes(users, kept, use_case),
        per_patient=counts.images_per_patient(users["patient"]),
        formats=[_format(users, kept), _sizes(users, kept)],
        intensity=_intensity(users, kept, thumbnails),
        quality=_quality(images, masks, use_case.quarantine),
        samples=pictures.samples(images, used, masks, thumbnails),
        leaks=pictures.leak_pairs(images, leaks, words, thumbnails),
        leak_counts=_leak_counts(leaks),
        identical=pictures.identical(images, words, thumbnails),
        missing=counts.missing(users, _may_be_missing(users)),
        findings=_findings(users, use_case),
        clinical=_clinical(users, kept, use_case),
        table=explorable(images, f"{use_case.name}, column by column") if len(images) else None,
    )


def _overview(images: pd.DataFrame, used: Mask, leaks: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return {
        "images": len(images),
        "patients": int(images["patient"].nunique()),
        "out": int((~used).sum()),
        "leaks": len(leaks),
    }


def _leak_counts(leaks: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, int, int]]:
    """Return (kind, splits, findings, rows) of all leaks."""
    found: dict[tuple[str, str], list[int]] = {}
    for leak in leaks:
        found.setdefault((str(leak["kind"]), ", ".join(leak["splits"])), []).append(len(leak["rows"]))
    return [(kind, splits, len(rows), sum(rows)) for (kind, splits), rows in sorted(found.items())]


def _age(users: pd.DataFrame, masks: Mapping[str, Mask]) -> dict[str, Any]:
    age = users["age"].to_numpy(np.float64)
    edges = np.arange(0.0, 101.0, 5.0)
    return {
        "figure": ridges(counts.histograms(age, masks, edges), edges, "Age in years by class"),
        "known": int((~np.isnan(age)).sum()),
        "of": len(age),
        "notes": sorted(Counter(users["age_note"].dropna()).items(), key=lambda item: (-item[1], item[0])),
    }


def _attributes(users: pd.DataFrame, masks: Mapping[str, Mask], use_case: UseCase) -> list[Crosstab]:
    bands = [use_case.subgroups.age_band(value) for value in users["age"]]
    named: list[tuple[str, Any]] = [("Sex", users["sex"]), ("Age band", bands)]
    named += [(name.capitalize(), users[name]) for name in ("site", "view", "device")]
    return [counts.crosstab(name, values, masks) for name, values in named]


def _format(users: pd.DataFrame, masks: Mapping[str, Mask]) -> Crosstab:
    values = [f"{kind}, {bits} bit" for kind, bits in zip(users["format"], users["bits"], strict=True)]
    return counts.crosstab("Format", values, masks)


def _sizes(users: pd.DataFrame, masks: Mapping[str, Mask]) -> Crosstab:
    values = [f"{rows} x {columns}" for rows, columns in zip(users["rows"], users["columns"], strict=True)]
    return counts.crosstab("Rows x columns", values, masks)


def _intensity(users: pd.DataFrame, masks: Mapping[str, Mask], thumbnails: Thumbnails) -> Any:
    bands = counts.intensities([thumbnails.get(str(name)) for name in users["id"]], masks)
    return ridges(bands, np.linspace(0, 256, 65), "Grey of the pixels by class") if bands else None


def _quality(images: pd.DataFrame, masks: Mapping[str, Mask], rules: Quarantine) -> list[dict[str, Any]]:
    shown = masks if len(masks) <= _FEW else {"all images": np.ones(len(images), bool)}
    found = []
    for limit in measured(rules):
        values = images[limit.name].to_numpy(np.float64)
        edges = np.linspace(0.0, _top(values, limit.value) if limit.name in _SMALL else 1.0, 41)
        marks = [Mark(limit.value, limit.words)] if limit.value is not None else []
        figure = ridges(counts.histograms(values, shown, edges), edges, f"{limit.name} ({limit.meaning})", marks)
        found.append({"limit": limit, "beyond": limit.beyond(values), "figure": figure})
    return found


def _top(values: NDArray[np.float64], limit: float | None) -> float:
    """Return 1, 2 or 5 times a power of ten that 99 in 100 values do not exceed, nor the limit."""
    known = values[~np.isnan(values)]
    most = max(float(np.quantile(known, 0.99)) if known.size else 0.0, limit or 0.0)
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in (1, 2, 5, 10) if most <= step * power * (1 + 1e-9))


def _may_be_missing(users: pd.DataFrame) -> list[str]:
    """Return the columns where a gap is one: those that the source never fills are shown, those that do not apply are not."""
    more = [name for name in users.columns if name.startswith(("finding_", "clinical_"))]
    labels = [name for name in _ALWAYS if name != "label" or not any(name.startswith("finding_") for name in more)]
    return [*labels, *more]


def _findings(users: pd.DataFrame, use_case: UseCase) -> dict[str, Any] | None:
    if not isinstance(use_case.labels, FindingLabels):
        return None
    names = list(use_case.labels.findings)
    return {"names": names, "counts": counts.co_occurrence(users, names)}


def _clinical(users: pd.DataFrame, masks: Mapping[str, Mask], use_case: UseCase) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, spec in use_case.clinical.items():
        column = users[f"clinical_{name}"]
        entry: dict[str, Any] = {"name": name, "unit": spec.unit, "known": int(column.notna().sum()), "of": len(users)}
        if spec.words:
            found.append(entry | {"table": counts.crosstab(name, column, masks), "figure": None})
            continue
        values = column.to_numpy(np.float64)
        known = values[~np.isnan(values)]
        low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
        edges = np.linspace(low, high if high > low else low + 1.0, 31)
        figure = ridges(counts.histograms(values, masks, edges), edges, f"{name} by class") if known.size and masks else None
        found.append(entry | {"table": None, "figure": figure})
    return found
