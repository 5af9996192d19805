"""Splits: always by patient, cut where the source does not say, the same for the same seed."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence

from radloop.data.sources.row import SourceRow
from radloop.use_case import SPLITS, Split, SplitSpec

# A split with fewer patients of a label than this cannot choose between models: it joins train.
_SMALLEST_TUNE = 10


def assign_splits(rows: Sequence[SourceRow], spec: SplitSpec, known: Mapping[str, str] | None = None) -> list[Split]:
    """Return the split of every row.

    A split that the source gives is kept. Those it lacks are cut by patient from train, in the
    proportions of the spec, stratified by label and sex. A source's `tune` too small to choose on
    joins train first. A patient in `known` (patient to split) keeps that split where we cut.
    """
    given: list[str | None] = [row.split for row in rows]
    if _too_small(rows, given):
        given = ["train" if split == "tune" else split for split in given]
    present = {split for split in given if split is not None}
    missing: list[Split] = [split for split in SPLITS[1:] if split not in present]
    pool = {row.patient for row, split in zip(rows, given, strict=True) if split in (None, "train")}
    settled = {row.patient: split for row, split in zip(rows, given, strict=True) if split not in (None, "train")}
    cut = _cut(_strata(rows, pool - set(settled)), missing, spec, known or {})
    return [_final(row.patient, split, settled, cut) for row, split in zip(rows, given, strict=True)]


def _final(patient: str, given: str | None, settled: Mapping[str, str], cut: Mapping[str, Split]) -> Split:
    if given in ("tune", "calibrate", "test"):
        return next(split for split in SPLITS if split == given)
    if patient in cut:
        return cut[patient]
    # An unplaced image of a patient whom the source placed elsewhere goes with the patient; one that the
    # source itself put in train stays there, for `validate` to find the leak.
    place = settled.get(patient) if given is None else None
    return next((split for split in SPLITS if split == place), "train")


def _too_small(rows: Sequence[SourceRow], given: Sequence[str | None]) -> bool:
    if {"train", "tune", "calibrate", "test"} <= set(given):
        return False  # a source with all four words means them
    patients: dict[str, set[str]] = defaultdict(set)
    for row, split in zip(rows, given, strict=True):
        if split == "tune":
            patients[row.label].add(row.patient)
    return bool(patients) and min(len(group) for group in patients.values()) < _SMALLEST_TUNE


def _strata(rows: Sequence[SourceRow], patients: set[str]) -> list[list[str]]:
    """Group patients by (their labels, sex), in a fixed order."""
    labels: dict[str, set[str]] = defaultdict(set)
    sexes: dict[str, str] = {}
    for row in rows:
        if row.patient in patients:
            labels[row.patient].add(row.label)
            sexes.setdefault(row.patient, row.sex or "")
    groups: dict[tuple[tuple[str, ...], str], list[str]] = defaultdict(list)
    for patient, words in labels.items():
        groups[(tuple(sorted(words)), sexes[patient])].append(patient)
    return [groups[key] for key in sorted(groups)]


def _cut(strata: list[list[str]], missing: list[Split], spec: SplitSpec, known: Mapping[str, str]) -> dict[str, Split]:
    share = dict(zip(SPLITS, spec.proportions, strict=True))
    whole = share["train"] + sum(share[split] for split in missing)
    targets = [(split, share[split] / whole) for split in missing]
    places: dict[str, Split] = {}
    carried = dict.fromkeys(missing, 0.0)
    for patients in strata:
        ordered = sorted(patients, key=lambda patient: _draw(spec.seed, patient))
        settled = {patient: split for patient in ordered for split in SPLITS if known.get(patient) == split}
        places |= settled
        free = [patient for patient in ordered if patient not in settled]
        for split, fraction in targets:
            wanted = len(ordered) * fraction + carried[split] - sum(place == split for place in settled.values())
            taken = max(0, min(len(free), round(wanted)))
            carried[split] = wanted - taken
            places |= dict.fromkeys(free[:taken], split)
            free = free[taken:]
        places |= dict.fromkeys(free, "train")
    return places


def _draw(seed: int, patient: str) -> bytes:
    """Return a patient's place in the draw: a hash, so that it does not depend on who else is there."""
    return hashlib.sha256(f"{seed}:{patient}".encode()).digest()
