"""Small data folders with a true manifest, made without decoding anything."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from radloop.configuration import load_use_case
from radloop.data.manifest import Row, frame_of, write_manifest
from radloop.settings import Settings


@dataclass(frozen=True)
class Image:
    """One image of a folder: its stored bytes, whose they are, and what the manifest says of it."""

    content: bytes
    patient: str
    label: str | None = None
    split: str = "train"
    excluded: str | None = None
    pixels: str | None = None


def fill_folder(
    use_case: str, images: list[Image], settings: Settings, leaks: list[dict[str, object]] | None = None
) -> list[str]:
    """Make `data/UC` hold these images and return their ids, as ingest names them."""
    folder = settings.data / use_case
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for path in (folder / "images").iterdir():
        path.unlink()
    found = load_use_case(use_case, settings)
    rows: list[Row] = []
    for image in images:
        sha256 = hashlib.sha256(image.content).hexdigest()
        copies = sum(row.sha256 == sha256 for row in rows)
        name = sha256[:16] + (f"-{copies + 1}" if copies else "")
        (folder / "images" / f"{name}.png").write_bytes(image.content)
        rows.append(_row(image, name, sha256, image.label or found.labels.words[0]))
    write_manifest(folder, frame_of(rows, found), found)
    (folder / "leaks.json").write_text(json.dumps({"policy": "refuse", "dropped": 0, "leaks": leaks or []}))
    return [row.id for row in rows]


def _row(image: Image, name: str, sha256: str, label: str) -> Row:
    return Row(
        id=name,
        path=f"images/{name}.png",
        label=label,
        patient=image.patient,
        split=image.split,
        excluded=image.excluded,
        format="png",
        rows=8,
        columns=8,
        bits=8,
        black=0.0,
        saturated=0.0,
        contrast=0.5,
        sharpness=1.0,
        mean=0.5,
        border=0.0,
        marker=0.0,
        text=False,
        sha256=sha256,
        pixels=image.pixels or sha256,
        dhash="0" * 64,
    )
