"""The page of the images that are kept out of every split, each with the rule and its number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from radloop.exploration.counts import class_masks
from radloop.exploration.limits import ruled
from radloop.exploration.pictures import Thumbnails, card, words_of
from radloop.exploration.rendering import write_page
from radloop.use_case import UseCase

MOST_CARDS = 1000
"""More images are counted and not shown."""
_PREFIX = "quarantine:"


def write_quarantine(
    use_case: UseCase,
    data_version: str,
    frame: pd.DataFrame,
    thumbnails: Thumbnails,
    refused: Sequence[Mapping[str, Any]],
    path: Path,
) -> Path:
    """Write one HTML file that asks no network, and return its path.

    Args:
        use_case: whose rules they are.
        data_version: stands on the page.
        frame: the manifest; `excluded` says what is in quarantine.
        thumbnails: uint8 [64, 64] by id; an image without one is listed without a picture.
        refused: files that could not be read, each {"row", "code", "message"}; what else stands there is not shown.
        path: of the file; its folder is made.
    """
    images = frame[frame["kind"] != "clip"].reset_index(drop=True)
    held = images[images["excluded"].fillna("").str.startswith(_PREFIX)].reset_index(drop=True)
    words = words_of(class_masks(held, use_case), len(held))
    broken = [str(reason)[len(_PREFIX) :].split(",") for reason in held["excluded"]]
    rows: list[dict[str, Any]] = [dict(row) for _, row in held.head(MOST_CARDS).iterrows()]
    return write_page(
        "quarantine.html.j2",
        path,
        use_case=use_case,
        data_version=data_version,
        images=len(images),
        total=len(held),
        rules=_rules(use_case, broken),
        cards=[
            card(row, str(row["id"]), thumbnails, word) | {"reasons": [_reason(name, row, use_case) for name in names]}
            for row, word, names in zip(rows, words, broken, strict=False)
        ],
        refused=[{key: item[key] for key in ("row", "code", "message")} for item in refused],
    )


def _rules(use_case: UseCase, broken: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    rules = use_case.quarantine
    found = [(limit.name, limit.meaning, limit.words) for limit in ruled(rules)]
    found.append(
        ("text", "lines of text in the pixels, or the header says so", "none allowed" if rules.burned_in_text else "off")
    )
    return [
        {"name": name, "meaning": meaning, "limit": limit, "images": sum(name in names for names in broken)}
        for name, meaning, limit in found
    ]


def _reason(name: str, row: Mapping[str, Any], use_case: UseCase) -> dict[str, str]:
    limit = next((limit for limit in ruled(use_case.quarantine) if limit.name == name), None)
    if limit is None:
        return {"rule": name, "words": "found in the pixels or named by the header" if name == "text" else ""}
    return {"rule": name, "words": f"{float(row[name]):.6g}, {limit.words}"}
