"""From the lines of the records to the rows of the index; it imports no database, so that other processes start quickly."""

from __future__ import annotations

import gc
import json
import math
import os
import struct
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from sys import intern
from typing import Any

import orjson

from radloop.images.quality import QUALITY
from radloop.records import chain
from radloop.records.chain import Place

Row = tuple[Any, ...]

_EMBEDDING = b'"embedding":{"base64":"'

_WATCH = 0.5
"""Seconds between two looks at the parent."""


def read_segment(path: Path, place: Place, record: str) -> tuple[list[Row], Place]:
    """Return the rows of a segment's lines behind a place, and the place behind them.

    Args:
        path: of the segment.
        place: up to which it was read.
        record: `answers`, `shadow` or `feedback`.

    Raises:
        IntegrityError: `tampered_record`.
    """
    kinds, row = ({"feedback"}, feedback_row) if record == "feedback" else ({"answer", "refusal"}, answer_row)
    rows, name = [], path.name
    for line in chain.follow(path, place):
        if line.body is not None and (payload := _parsed(line.body)).get("kind") in kinds:
            rows.append((name, place.entries, *row(payload), line.start, line.length))
        place = line.after
    return rows, place


def _parsed(body: bytes) -> dict[str, Any]:
    """Return a payload without the numbers of its embedding, which are most of its bytes and in no row.

    Quotes inside a string are escaped: what is looked for can only be the member itself.
    """
    start = body.find(_EMBEDDING) + len(_EMBEDDING)
    cut = body[:start] + body[body.index(b'"', start) :] if start >= len(_EMBEDDING) else body
    # Half of the time of a million lines would go into the standard library's json.
    payload: dict[str, Any] = orjson.loads(cut)
    return payload


def serve(parent: int) -> None:
    """Prepare this process for reading segments for another, and end it soon after that has ended.

    Who waits for a queue is not told that nobody fills it any more.
    """
    gc.set_threshold(100_000, 50, 100)  # rows are many and stay

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="radloop-parent").start()


def answer_row(payload: Mapping[str, Any]) -> Row:
    """Return the columns of an answer or refusal, in the order of the index's table.

    An empty text stands for an unknown one and a number for a truth; the insertion turns them back. Bytes are bytearrays: the
    driver of SQLite takes longer over one None, bool or bytes than over ten numbers. What many rows share is one object.
    """
    model, findings, kept = payload["model"] or {}, payload["findings"], payload["prediction_set"]
    quality = payload["quality"]
    abstained = payload["abstained"]
    return (
        _milliseconds(payload["time"]),
        payload["request_id"],
        int(payload["kind"] == "answer"),
        intern(payload["use_case"] or ""),
        intern(model.get("bundle") or ""),
        model.get("version"),
        payload["admissibility"]["code"] or "",
        abstained.partition(":")[0] if abstained else "",
        payload["site"] or "",
        payload["sex"] or "",
        payload["age_band"] or "",
        payload["patient"] or "",
        payload["file"].removeprefix("hmac:")[:16],
        _numbers([item["probability"] for item in findings]) if findings else None,
        bytearray([2 if item["positive"] is None else int(item["positive"]) for item in findings]) if findings else None,
        kept["coverage"] if kept else None,
        _words(tuple(kept["labels"])) if kept else "",
        payload["uncertainty"],
        _numbers([quality.get(name, math.nan) for name in QUALITY]) if quality else None,
    )


def feedback_row(payload: Mapping[str, Any]) -> Row:
    """Return the columns of a label, in the order of the index's table."""
    return (
        payload["time"],
        _milliseconds(payload["time"]),
        payload["request_id"],
        payload["use_case"],
        payload["bundle"],
        _words(tuple(payload["labels"])),
        payload["reader"] or "",
        int(payload["settles"]),
    )


@lru_cache(maxsize=4096)
def _words(labels: tuple[str, ...]) -> str:
    return json.dumps(labels)


def _milliseconds(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def _numbers(values: list[float]) -> bytearray:
    return bytearray(struct.pack(f"<{len(values)}d", *values))
