"""Splits: no patient and no group in two of them, cut where the source does not say, the same for the same seed.

What never crosses a split is the unit: the patients and groups that rows join with each other. Splits
are cut by unit, stratified by label, sex and age band.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from radloop.data.sources.row import SourceRow
from radloop.data.units import joined_rows
from radloop.use_case import SPLITS, Split, SplitSpec, Subgroups

# A split with fewer patients of a label than this cannot choose between models: it joins train.
_SMALLEST_TUNE = 10
# With a share of a tenth, a smaller stratum would leave a split empty: it joins its neighbours.
_SMALLEST_STRATUM = 10
# A split may get this many times its share of a stratum's rows: units differ in size, some are scans of hundreds.
_MOST_ROWS = 1.25
_SMALLEST_ROOM = 10


@dataclass(frozen=True)
class Assignment:
    """Where every row went.

    Attributes:
        splits: one for each row, in the order of the rows.
        kept: how many rows stayed where their patient was known although the source now says otherwise.
    """

    splits: tuple[Split, ...]
    kept: int


@dataclass(frozen=True)
class _Unit:
    """Rows that belong together, and what decides about them.

    Attributes:
        rows: their positions.
        draw: the place in the draw, by its members' names only.
        words: the splits that the source names for them.
        known: the splits that its members had before.
        sex: of the member who is first by the word; None is unknown.
        age: the lowest that is known.
    """

    rows: tuple[int, ...]
    draw: bytes
    words: frozenset[Split]
    known: frozenset[Split]
    labels: frozenset[str]
    sex: str | None
    age: float | None


def assign_splits(
    rows: Sequence[SourceRow],
    spec: SplitSpec,
    known: Mapping[str, str] | None = None,
    known_groups: Mapping[str, str] | None = None,
    subgroups: Subgroups | None = None,
    alike: Sequence[Collection[str]] | None = None,
) -> Assignment:
    """Return the split of every row, whatever the order of the rows.

    A split that the source gives is kept; those it lacks are cut by unit from train, in the proportions
    of the spec. A source's `tune` too small to choose on joins train first. A split that would get many more rows than its
    share, for units that are whole scans, gets fewer units, and train the others. Who is known keeps the split,
    whatever the source says now and whoever is added. Only where the source itself puts one unit in two
    splits do its words stay, so that the leak is seen.

    Args:
        rows: with mapped labels and split words.
        spec: seed and proportions.
        known: patient to the split of earlier data versions.
        known_groups: group to the split of earlier data versions.
        subgroups: the age bands of the strata.
        alike: for each row the names of the sets of equal pictures that it is in: they are of one unit too, so that
            no cut of ours makes a leak.
    """
    given = _given(rows)
    known, known_groups = _splits_only(known or {}), _splits_only(known_groups or {})
    missing: list[Split] = [split for split in SPLITS[1:] if split not in set(given)]
    names = [_names(row, pictures) for row, pictures in zip(rows, alike or [()] * len(rows), strict=True)]
    units = [_unit(rows, members, given, spec.seed, known, known_groups) for members in joined_rows(names)]
    free = [unit for unit in units if not unit.words - {"train"}]
    cut = _cut(_strata(free, subgroups or Subgroups()), missing, spec)
    splits: list[Split] = ["train"] * len(rows)
    for unit in units:
        place = cut.get(unit.rows[0]) or _settled(unit)
        for row in unit.rows:
            # The patient's own word comes first: a new group may have joined two who were apart.
            own = known.get(rows[row].patient) or known_groups.get(rows[row].group or "")
            splits[row] = (given[row] or own or place) if len(unit.words) > 1 else (own or place)
    kept = sum(_against(word, split, missing) for word, split in zip(given, splits, strict=True))
    return Assignment(tuple(splits), kept)


def cuts(rows: Sequence[SourceRow]) -> bool:
    """Tell whether any split has to be cut, because the source does not give all four words."""
    return not set(SPLITS) <= {row.split for row in rows}


def _against(word: Split | None, split: Split, missing: Sequence[Split]) -> bool:
    """Tell whether a row is not where its source puts it; train also feeds the splits that are cut from it."""
    return word is not None and word != split and not (word == "train" and split in missing)


def _splits_only(known: Mapping[str, str]) -> dict[str, Split]:
    return {name: split for name, word in known.items() for split in SPLITS if split == word}


def _given(rows: Sequence[SourceRow]) -> list[Split | None]:
    given = [next((split for split in SPLITS if split == row.split), None) for row in rows]
    if not _too_small(rows, given):
        return given
    return ["train" if split == "tune" else split for split in given]


def _too_small(rows: Sequence[SourceRow], given: Sequence[Split | None]) -> bool:
    if set(SPLITS) <= set(given):
        return False  # a source with all four words means them
    patients: dict[str, set[str]] = defaultdict(set)
    for row, split in zip(rows, given, strict=True):
        if split == "tune":
            patients["" if row.findings else row.label or ""].add(row.patient)
    return bool(patients) and min(len(group) for group in patients.values()) < _SMALLEST_TUNE


def _names(row: SourceRow, pictures: Collection[str]) -> list[tuple[str, str]]:
    """Return what joins a row with others: its patient, its group, and what its picture looks like."""
    group = [("group", row.group)] if row.group is not None else []
    return [("patient", row.patient), *group, *(("picture", name) for name in pictures)]


def _unit(
    rows: Sequence[SourceRow],
    members: Sequence[int],
    given: Sequence[Split | None],
    seed: int,
    known: Mapping[str, Split],
    known_groups: Mapping[str, Split],
) -> _Unit:
    own = [rows[number] for number in members]
    patients, groups = {row.patient for row in own}, {row.group for row in own if row.group is not None}
    before = {known[name] for name in patients if name in known} | {known_groups[name] for name in groups if name in known_groups}
    return _Unit(
        rows=tuple(members),
        draw=min(_draw(seed, patient) for patient in patients),
        words=frozenset(word for number in members if (word := given[number]) is not None),
        known=frozenset(before),
        labels=frozenset(word for row in own for word in _labels(row)),
        sex=min((row.sex for row in own if row.sex), default=None),
        age=min((row.age for row in own if row.age is not None and row.age == row.age), default=None),
    )


def _labels(row: SourceRow) -> Iterable[str]:
    """Return the findings that a row has, or its label."""
    if row.findings:
        return [word for word, value in row.findings.items() if value == 1]
    return [row.label] if row.label is not None else []


def _settled(unit: _Unit) -> Split:
    """Return where a unit goes that is not cut: where it was, else where its source puts it, nearest to judging first."""
    found = unit.known or unit.words
    return next((split for split in reversed(SPLITS) if split in found), "train")


def _strata(units: Sequence[_Unit], subgroups: Subgroups) -> list[list[_Unit]]:
    """Group units by (rarest label, sex, age band), in a fixed order; what is too small is joined, coarser each time."""
    counts = Counter(label for unit in units for label in unit.labels)

    def full_key(unit: _Unit) -> tuple[str, str, str]:
        rarest = min(unit.labels, key=lambda label: (counts[label], label), default="")
        return rarest, unit.sex or "", subgroups.age_band(unit.age) or ""

    keys = {unit.rows[0]: full_key(unit) for unit in units}
    left, strata = list(units), []
    for depth in (3, 2, 1, 0):
        parts: dict[tuple[str, ...], list[_Unit]] = defaultdict(list)
        for unit in left:
            parts[keys[unit.rows[0]][:depth]].append(unit)
        whole = {key for key, part in parts.items() if len(part) >= _SMALLEST_STRATUM or depth == 0}
        strata += [parts[key] for key in sorted(whole)]
        left = [unit for key, part in parts.items() if key not in whole for unit in part]
    return strata


def _cut(strata: Iterable[Sequence[_Unit]], missing: Sequence[Split], spec: SplitSpec) -> dict[int, Split]:
    """Return the split of each unit, by its first row; what one stratum's rounding takes the next gives back."""
    share = dict(zip(SPLITS, spec.proportions, strict=True))
    whole = share["train"] + sum(share[split] for split in missing)
    places: dict[int, Split] = {}
    carried = dict.fromkeys(missing, 0.0)
    for units in strata:
        rows = sum(len(unit.rows) for unit in units)
        settled = [_settled(unit) for unit in units if unit.known]
        places |= {unit.rows[0]: _settled(unit) for unit in units if unit.known}
        free = sorted((unit for unit in units if not unit.known), key=lambda unit: unit.draw)
        for split in missing:
            wanted = len(units) * share[split] / whole + carried[split] - settled.count(split)
            taken = _taken(free, max(0, round(wanted)), max(_MOST_ROWS * share[split] / whole * rows, _SMALLEST_ROOM))
            carried[split] = wanted - len(taken)
            places |= {unit.rows[0]: split for unit in taken}
            free = [unit for unit in free if unit.rows[0] not in places]
        places |= {unit.rows[0]: "train" for unit in free}
    return places


def _taken(units: Iterable[_Unit], count: int, room: float) -> list[_Unit]:
    """Return the first units that together fit into the room for rows, at most `count`."""
    taken: list[_Unit] = []
    for unit in units:
        if len(taken) < count and len(unit.rows) <= room:
            taken.append(unit)
            room -= len(unit.rows)
    return taken


def _draw(seed: int, patient: str) -> bytes:
    """Return a patient's place in the draw: a hash, so that it does not depend on who else is there."""
    return hashlib.sha256(f"{seed}:{patient}".encode()).digest()
