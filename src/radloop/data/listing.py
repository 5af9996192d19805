"""From stored files to the manifest's rows: what the source says, filled up from the header, without a word that names anyone."""

from __future__ import annotations

import hmac
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from hashlib import sha256
from typing import Any

from radloop.data.collection import Collected
from radloop.data.leakage import NearMemory, Thumbnails, find_duplicates
from radloop.data.manifest import Row, frame_of
from radloop.data.sources import SourceRow
from radloop.data.split import assign_splits, cuts
from radloop.images.pseudonym import pseudonym
from radloop.images.series import sort_series
from radloop.use_case import UseCase

_OLDEST = 89
"""Ages above are a possible identifier (45 CFR 164.514(b)(2)(i)(C)) and become 90."""
_VIEWS = frozenset({"PA", "AP", "LL", "RL", "LLD", "RLD", "LAO", "RAO", "LPO", "RPO", "AP ERECT", "AP SUPINE", "CC", "MLO"})
_STORED = frozenset(item.name for item in fields(Row))


def entries_of(
    collected: Collected,
    use_case: UseCase,
    key: bytes,
    known: Mapping[str, str],
    known_groups: Mapping[str, str],
    thumbnails: Thumbnails,
    memory: NearMemory | None = None,
) -> tuple[list[Row], int]:
    """Return the manifest's rows, and how many kept a known split against the source's word.

    The rows are in the source's order, those of a series in the order of their positions.

    Args:
        collected: the stored files.
        use_case: whose words and splits count.
        key: of the pseudonyms.
        known: the split of patients of earlier data versions, by pseudonym.
        known_groups: the split of groups of earlier data versions, by pseudonym.
        thumbnails: of the stored images: what looks the same is put into one split where we cut.
        memory: of earlier searches for what looks the same.
    """
    described = [_described(row, images[0]) for row, images in collected.stored]
    seen: dict[str, int] = {}
    listed = [
        _rows_of(images, _common(row, "train", use_case, key), key, seen)
        for row, (_, images) in zip(described, collected.stored, strict=True)
    ]
    mine = {row.patient: split for row in described if (split := known.get(pseudonym(key, row.patient)))}
    groups = {
        row.group: split for row in described if row.group and (split := known_groups.get(hidden("G", row.group, key) or ""))
    }
    alike = _alike(listed, use_case, thumbnails, memory) if cuts(described) else None
    assigned = assign_splits(described, use_case.split, mine, groups, use_case.subgroups, alike)
    entries = [replace(entry, split=split) for rows, split in zip(listed, assigned.splits, strict=True) for entry in rows]
    return _sorted(entries), assigned.kept


def _sorted(entries: list[Row]) -> list[Row]:
    """Put the rows of each series in the order of their positions, into the places that the series has."""
    places: dict[str, list[int]] = {}
    for number, entry in enumerate(entries):
        if entry.series is not None and entry.kind == "image":
            places.setdefault(entry.series, []).append(number)
    found = list(entries)
    for numbers in places.values():
        series = sort_series((entries[number] for number in numbers), lambda row: (row.position, None))
        for number, entry in zip(numbers, series.slices, strict=True):
            found[number] = entry
    return found


def _rows_of(images: Sequence[Mapping[str, Any]], common: Mapping[str, Any], key: bytes, seen: dict[str, int]) -> list[Row]:
    if images[0]["format"] == "video" or len(images) > 1:
        return _clip(images, common, key, seen)
    return [_entry(images[0], common, key, seen)]


def _alike(
    listed: Sequence[Sequence[Row]], use_case: UseCase, thumbnails: Thumbnails, memory: NearMemory | None
) -> list[list[str]]:
    """Return for each source row the names of the sets of equal pictures that its images are in."""
    frame = frame_of([row for rows in listed for row in rows], use_case)
    sets = find_duplicates(frame, thumbnails, use_case.leakage, memory)
    owner = {member: members[0] for members in sets for member in members}
    return [sorted({owner[row.id] for row in rows if row.id in owner}) for rows in listed]


def table_rows(rows: Sequence[SourceRow], use_case: UseCase, key: bytes) -> list[dict[str, Any]]:
    """Return what the manifest would say of a source's table before any image is read; what only an image tells is absent."""
    assigned = assign_splits(rows, use_case.split, subgroups=use_case.subgroups)
    described = []
    for row, split in zip(rows, assigned.splits, strict=True):
        common = _common(_limited(row), split, use_case, key)
        common |= {f"finding_{word}": value for word, value in common.pop("findings").items()}
        common |= {f"clinical_{name}": value for name, value in common.pop("clinical").items()}
        common |= {f"reader_{name}": word for name, word in common.pop("readers").items()}
        described.append(common | {"id": hidden("R", row.name, key), "kind": "image"})
    return described


def _described(row: SourceRow, image: Mapping[str, Any]) -> SourceRow:
    """Fill what the source leaves unknown from the image's header."""
    known = row.age is not None or row.age_note is not None
    filled = replace(
        row,
        sex=row.sex or image["sex"],
        age=row.age if known else image["age"],
        view=row.view or image["view"],
        device=row.device or (None if image["device"] == "ANONYMIZED" else image["device"]),
    )
    return _limited(filled)


def _limited(row: SourceRow) -> SourceRow:
    if row.age is None or math.floor(row.age) <= _OLDEST:
        return row
    return replace(row, age=90.0, age_note="90 years or more")


def _common(row: SourceRow, split: str, use_case: UseCase, key: bytes) -> dict[str, Any]:
    limits = use_case.validation
    return {
        "label": row.label,
        "patient": pseudonym(key, row.patient),
        "group": hidden("G", row.group, key),
        "split": split,
        "source_split": row.split,
        "site": _word(row.site, limits.sites, key),
        "sex": row.sex,
        "view": _word(row.view, (*limits.views, *_VIEWS), key),
        "device": _word(row.device, limits.devices, key),
        "age": row.age,
        "age_note": row.age_note,
        "extent": row.extent,
        "findings": dict(row.findings),
        "clinical": dict(row.clinical),
        "readers": dict(row.readers),
    }


def _word(word: str | None, known: Sequence[str], key: bytes) -> str | None:
    """Keep a word that the use case or the standard names; any other may be a person's name and gets a keyed one."""
    if word is None or word in known:
        return word
    upper = word.strip().upper()
    return upper if upper in known else hidden("#", word, key)


def hidden(prefix: str, word: str | None, key: bytes) -> str | None:
    """Return a keyed stand-in: equal words stay equal."""
    if word is None:
        return None
    return prefix + hmac.digest(key, f"{prefix}:{word}".encode("utf-8", "surrogateescape"), "sha256").hex()[:12]


def _clip(images: Sequence[Mapping[str, Any]], common: Mapping[str, Any], key: bytes, seen: dict[str, int]) -> list[Row]:
    """Return the row about a file of many frames, and one for each frame; the middle frame stands for the clip's numbers."""
    joined = sha256("".join(image["sha256"] + str(image["frame"]) for image in images).encode()).hexdigest()
    middle = images[len(images) // 2]
    whole = _entry(
        {**middle, "id": f"c{joined[:15]}", "sha256": joined, "pixels": joined},
        common,
        key,
        seen,
        kind="clip",
        path=None,
        frame=len(images),
        seconds=images[-1]["seconds"],
        position=None,
        excluded=None,
    )
    return [whole, *(_entry(image, common, key, seen, kind="frame", clip=whole.id) for image in images)]


def _entry(image: Mapping[str, Any], common: Mapping[str, Any], key: bytes, seen: dict[str, int], **more: Any) -> Row:
    facts = {name: value for name, value in image.items() if name in _STORED}
    facts |= {"id": _identifier(image["id"], seen), "series": hidden("S", image["series"], key)}
    return Row(**(facts | dict(common) | more))


def _identifier(name: str, seen: dict[str, int]) -> str:
    """Return the id of an image: a second copy of the same bytes gets a number."""
    seen[name] = seen.get(name, 0) + 1
    return name if seen[name] == 1 else f"{name}-{seen[name]}"
