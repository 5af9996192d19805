"""What stands on both sides of a split: in one data version, or between it and earlier ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radloop.data.leakage.duplicates import Look, Pairs, connected, near_pairs, thumbnail_reader
from radloop.data.leakage.memory import NearMemory
from radloop.data.manifest import usable
from radloop.images.fingerprint import dhash_bits
from radloop.use_case import SPLITS, Leakage

Kind = Literal["identical", "near_duplicate", "patient", "group"]
Thumbnails = Mapping[str, NDArray[np.uint8]] | Look
"""uint8 [64, 64] by the id of a row; an image without one is compared by its pixels only."""

_KEYS: tuple[tuple[Kind, str], ...] = (("identical", "pixels"), ("patient", "patient"), ("group", "group"))
_MOST_LISTED = 10_000
"""A set with more pairs does not list them: the set counts as a whole."""


@dataclass(frozen=True)
class Leak:
    """Rows that belong together and stand in two or more splits.

    Attributes:
        kind: what they share: the pixels, the picture, the patient, the group.
        splits: of the rows, in the order train, tune, calibrate, test.
        rows: ids; of the present data version first.
        places: the split of each row.
        versions: where earlier data versions are part of it, the version of each row; None is the present one.
        correlation: the lowest of the near-duplicates' thumbnails.
        distance: the largest of the near-duplicates' hashes, bits.
        pairs: which rows are near-duplicates of each other, as positions in `rows`; empty where all count as one.
    """

    kind: Kind
    splits: tuple[str, ...]
    rows: tuple[str, ...]
    places: tuple[str, ...]
    versions: tuple[str | None, ...] = ()
    correlation: float | None = None
    distance: int | None = None
    pairs: tuple[tuple[int, int], ...] = ()

    @property
    def present(self) -> tuple[bool, ...]:
        """Tell of each row whether it is of the present data version."""
        return tuple(version is None for version in self.versions) or (True,) * len(self.rows)

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as `--json` prints it; what does not apply is left out."""
        document: dict[str, Any] = {"kind": self.kind, "splits": list(self.splits), "rows": list(self.rows)}
        document["places"] = list(self.places)
        more = {
            "versions": list(self.versions) or None,
            "correlation": self.correlation,
            "distance": self.distance,
            "pairs": [list(pair) for pair in self.pairs] or None,
        }
        return document | {key: value for key, value in more.items() if value is not None}


def find_leaks(
    frame: pd.DataFrame,
    thumbnails: Thumbnails,
    spec: Leakage,
    earlier: pd.DataFrame | None = None,
    memory: NearMemory | None = None,
) -> tuple[Leak, ...]:
    """Return what stands in two or more splits.

    There is one finding for each patient, group, set of equal pixels and connected set of near-duplicates.
    Rows that no split uses do not count. Findings come by kind, and within a kind in the order of the manifest.

    Args:
        frame: a manifest.
        thumbnails: of its images, and of those of earlier versions where they are still known.
        spec: what counts as near-duplicates.
        earlier: rows that earlier data versions held in another place or that are gone; see `radloop.data.ledger`. A
            present row in another split than an earlier one with the same patient, group, pixels or picture is a leak.
        memory: of earlier searches; without it everything is searched.
    """
    rows = _rows(usable(frame), earlier)
    near = _near(rows, _search(rows, thumbnails, spec, _across(rows), memory))
    identical, patients, groups = (tuple(_shared(rows, kind, column)) for kind, column in _KEYS)
    return (*identical, *near, *patients, *groups)


def find_duplicates(
    frame: pd.DataFrame, thumbnails: Thumbnails, spec: Leakage, memory: NearMemory | None = None
) -> tuple[tuple[str, ...], ...]:
    """Return sets of ids that show the same picture, wherever they stand: equal pixels or near-duplicates.

    Rows that no split uses do not count; sets come in the order of the manifest. The arguments are those of `find_leaks`.
    """
    rows = _rows(usable(frame), None)
    rows["part"] = 0
    pairs = _search(rows, thumbnails, spec, np.ones((1, 1), np.bool_), memory)
    same = rows.groupby("pixels", sort=False).indices
    edges = [(int(group[0]), int(other)) for group in same.values() for other in group[1:]]
    edges += zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)
    ids = rows["id"].tolist()
    return tuple(tuple(ids[member] for member in members) for members in connected(edges))


def _rows(present: pd.DataFrame, earlier: pd.DataFrame | None) -> pd.DataFrame:
    """Put the present rows and the earlier ones below each other; `part` numbers split and age, unknown is None."""
    columns = ["id", "patient", "group", "split", "pixels", "dhash"]
    rows = present[columns].astype(object).assign(version=None)
    if earlier is not None and len(earlier):
        rows = pd.concat([rows, earlier[[*columns, "version"]].astype(object)], ignore_index=True)
    rows = pd.DataFrame({name: [None if value != value else value for value in rows[name]] for name in rows}, dtype=object)
    past = rows["version"].notna().to_numpy(dtype=np.int64)
    rows["part"] = np.array([SPLITS.index(split) for split in rows["split"]], dtype=np.int64) + len(SPLITS) * past
    return rows


def _across(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which parts may leak into each other: other splits, at least one of them of the present version."""
    count = len(SPLITS) * (2 if rows["version"].notna().any() else 1)
    numbers = np.arange(count)
    splits, past = numbers % len(SPLITS), numbers >= len(SPLITS)
    return np.asarray((splits[:, None] != splits[None, :]) & ~(past[:, None] & past[None, :]))


def _shared(rows: pd.DataFrame, kind: Kind, column: str) -> Iterator[Leak]:
    """Yield a finding for each value that present rows of two splits share, or present and earlier ones."""
    splits = rows.groupby(column, sort=False)["split"].nunique()
    suspects = rows[rows[column].isin(splits.index[splits > 1])]
    table = _Table(suspects)
    for members in suspects.groupby(column, sort=False).indices.values():
        now = [int(number) for number in members if table.versions[number] is None]
        places = {table.splits[number] for number in now}
        if len(places) > 1:
            yield table.leak(kind, now)
        elif places:
            before = [int(number) for number in members if table.versions[number] is not None]
            yield table.leak(kind, now + [number for number in before if table.splits[number] not in places])


class _Table:
    """The columns of rows that a finding names, by position."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.ids: list[str] = rows["id"].tolist()
        self.splits: list[str] = rows["split"].tolist()
        self.versions: list[str | None] = rows["version"].tolist()

    def leak(self, kind: Kind, members: Sequence[int], **more: Any) -> Leak:
        places = [self.splits[number] for number in members]
        versions = tuple(self.versions[number] for number in members)
        return Leak(
            kind=kind,
            splits=tuple(split for split in SPLITS if split in places),
            rows=tuple(self.ids[number] for number in members),
            places=tuple(places),
            versions=versions if any(versions) else (),
            **more,
        )


def _near(rows: pd.DataFrame, pairs: Pairs) -> Iterator[Leak]:
    """Yield a finding for each connected set of near-duplicates that are not identical."""
    pixels = rows["pixels"].to_numpy()
    new = pixels[pairs.first] != pixels[pairs.second]
    edges = list(zip(pairs.first[new].tolist(), pairs.second[new].tolist(), strict=True))
    correlation, distance = pairs.correlation[new], pairs.distance[new]
    sets = connected(edges)
    owner = {member: number for number, members in enumerate(sets) for member in members}
    inside: list[list[int]] = [[] for _ in sets]
    for number, (first, _) in enumerate(edges):
        inside[owner[first]].append(number)
    table = _Table(rows)
    for members, numbers in zip(sets, inside, strict=True):
        place = {member: position for position, member in enumerate(members)}
        listed = tuple((place[edges[number][0]], place[edges[number][1]]) for number in numbers)
        yield table.leak(
            "near_duplicate",
            members,
            correlation=float(correlation[numbers].min()),
            distance=int(distance[numbers].max()),
            pairs=listed if len(listed) <= _MOST_LISTED else (),
        )


def _search(
    rows: pd.DataFrame, thumbnails: Thumbnails, spec: Leakage, allowed: NDArray[np.bool_], memory: NearMemory | None
) -> Pairs:
    """Return near-duplicates of allowed parts among the rows that have a hash and a thumbnail, by position."""
    look = thumbnails if callable(thumbnails) else thumbnails.get
    sources = _sources(rows, look)
    known = np.flatnonzero(rows["dhash"].notna().to_numpy() & np.array([name is not None for name in sources], dtype=bool))
    names = [sources[number] for number in known]
    parts = rows["part"].to_numpy()[known].astype(np.int64)
    hashes = rows["dhash"].iloc[known].tolist()
    if memory is None:
        read = thumbnail_reader(look, names)
        pairs = near_pairs(read, dhash_bits(hashes), parts, allowed, spec.hash_distance, spec.correlation)
    else:
        pictures = {str(name): dhash for name, dhash in zip(names, hashes, strict=True)}
        pairs = _placed(memory.pairs(pictures, look, spec), names, parts, allowed)
    return Pairs(known[pairs.first], known[pairs.second], pairs.distance, pairs.correlation, pairs.compared, pairs.confirmed)


def _placed(
    found: Sequence[tuple[str, str, int, float]],
    names: Sequence[str | None],
    parts: NDArray[np.int64],
    allowed: NDArray[np.bool_],
) -> Pairs:
    """Return remembered pairs of pictures as pairs of positions of allowed parts; a picture may stand at several."""
    wanted = {name for pair in found for name in pair[:2]}
    places: dict[str, list[int]] = {name: [] for name in wanted}
    for position, name in enumerate(names):
        if name in wanted:
            places[str(name)].append(position)
    rows = sorted(
        (*sorted((first, second)), distance, correlation)
        for one, other, distance, correlation in found
        for first in places[one]
        for second in places[other]
        if allowed[parts[first], parts[second]]
    )
    columns = [np.array(column) for column in zip(*rows, strict=True)] or [np.empty(0)] * 4
    first, second, distance = (column.astype(np.int64) for column in columns[:3])
    return Pairs(first, second, distance, columns[3].astype(np.float64), compared=0, confirmed=len(rows))


def _sources(rows: pd.DataFrame, look: Look) -> list[str | None]:
    """Return for each row the id under which its thumbnail is found: its own, or that of a copy with equal pixels."""
    own = [name if look(name) is not None else None for name in rows["id"]]
    copies = {pixels: name for pixels, name in zip(rows["pixels"], own, strict=True) if name is not None and pixels is not None}
    return [name or copies.get(pixels) for pixels, name in zip(rows["pixels"], own, strict=True)]
