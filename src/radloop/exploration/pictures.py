"""Thumbnails as they stand in a page."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radloop.exploration.counts import Mask, contradictory, identical_groups
from radloop.images.raster import png_bytes

Thumbnails = Mapping[str, NDArray[np.uint8]]

PAIRS = 20
"""How many leaks and how many identical images are shown."""
SAMPLES = 12
"""How many images of a class are shown, each of another patient where there are as many."""


def data_uri(picture: NDArray[np.uint8] | None) -> str | None:
    """Return a thumbnail as an address that holds it; None where there is none."""
    return None if picture is None else _uri(picture.tobytes(), picture.shape)


@lru_cache(maxsize=4096)
def _uri(content: bytes, shape: tuple[int, ...]) -> str:
    png = png_bytes(np.frombuffer(content, np.uint8).reshape(shape))
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def card(row: pd.Series | Mapping[str, Any] | None, name: str, thumbnails: Thumbnails, word: str | None) -> dict[str, Any]:
    """Return what a picture and its caption say: `word` is its class, `row` is None for one of an earlier version."""
    return {
        "id": name,
        "picture": data_uri(thumbnails.get(name)),
        "split": None if row is None else row["split"],
        "word": word,
    }


def words_of(masks: Mapping[str, Mask], rows: int) -> list[str]:
    """Return each row's classes in words."""
    names: list[list[str]] = [[] for _ in range(rows)]
    for name, mask in masks.items():
        for place in np.flatnonzero(mask):
            names[place].append(name)
    return [", ".join(found) for found in names]


def samples(frame: pd.DataFrame, used: Mask, masks: Mapping[str, Mask], thumbnails: Thumbnails) -> list[dict[str, Any]]:
    """Return the first images of each class by id, which is a digest: as good as drawn by lot, and always the same."""
    ids, patients = frame["id"].to_numpy(object), frame["patient"].to_numpy(object)
    order = np.argsort(ids.astype(str), kind="stable")
    grids = []
    for name, mask in masks.items():
        places = [int(place) for place in order if mask[place] and used[place] and ids[place] in thumbnails]
        first: dict[Any, int] = {}
        for place in places:
            first.setdefault(patients[place], place)
        chosen = list(first.values())[:SAMPLES]
        chosen += [place for place in places if place not in set(chosen)][: SAMPLES - len(chosen)]
        cards = [card(frame.iloc[place], str(ids[place]), thumbnails, name) for place in chosen]
        grids.append({"name": name, "count": int((mask & used).sum()), "cards": cards})
    return grids


def leak_pairs(
    frame: pd.DataFrame, leaks: Sequence[Mapping[str, Any]], words: Sequence[str], thumbnails: Thumbnails
) -> list[dict[str, Any]]:
    """Return two images of each leak that stand in different splits."""
    place_of = {str(name): place for place, name in enumerate(frame["id"])}
    splits = frame["split"].to_numpy(object)
    shown = []
    for leak in leaks[:PAIRS]:
        names = [str(name) for name in leak["rows"]]
        places = leak.get("places") or [splits[place_of[name]] if name in place_of else None for name in names]
        cards = []
        for position in _across(places, leak.get("pairs") or ()):
            row = place_of.get(names[position])
            found = card(
                None if row is None else frame.iloc[row], names[position], thumbnails, words[row] if row is not None else None
            )
            cards.append(found | {"split": places[position]})
        shown.append({"kind": str(leak["kind"]), "rows": len(names), "cards": cards, "correlation": leak.get("correlation")})
    return shown


def _across(places: Sequence[Any], pairs: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Return the first two positions in different splits, of one pair where pairs are named."""
    for first, second in pairs:
        if places[first] != places[second]:
            return (first, second)
    other = next((position for position, place in enumerate(places) if place != places[0]), None)
    return (0, other) if other is not None else tuple(range(min(2, len(places))))


def identical(frame: pd.DataFrame, words: Sequence[str], thumbnails: Thumbnails) -> dict[str, Any]:
    """Return how many images have the same pixels as another, and the first sets of them."""
    groups = identical_groups(frame)
    answers = [name for name in frame.columns if name == "label" or name.startswith("finding_")]
    against = [contradictory(frame, group, answers) for group in groups]
    sets = []
    for group, contradicts in list(zip(groups, against, strict=True))[:PAIRS]:
        cards = [card(frame.iloc[place], str(frame["id"].iat[place]), thumbnails, words[place]) for place in group[:2]]
        if contradicts:
            other = next((p for p in group if words[p] != words[group[0]]), group[1])
            cards[1] = card(frame.iloc[other], str(frame["id"].iat[other]), thumbnails, words[other])
        sets.append({"cards": cards, "rows": len(group), "contradictory": contradicts})
    return {"groups": len(groups), "images": sum(map(len, groups)), "contradictory": sum(against), "sets": sets}
