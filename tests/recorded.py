"""Records without a service: payloads of answers as `radloop.inference.recorded` makes them, many and quickly."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radloop.records.chain import START
from radloop.records.seal import canonical

QUALITY = {
    "black": 0.1,
    "saturated": 0.0,
    "contrast": 0.8,
    "sharpness": 0.002,
    "mean": 0.4,
    "border": 0.0,
    "marker": 0.0,
}


def answer_payload(number: int, **changes: Any) -> dict[str, Any]:
    """Return the payload of one answer; its request id is the number, its time so many minutes into 2026."""
    minutes = number
    day, minute = divmod(minutes, 1440)
    time = np.datetime64("2026-01-01T00:00:00.000") + np.timedelta64(day, "D") + np.timedelta64(minute, "m")
    payload = {
        "schema_version": 1,
        "kind": "answer",
        "time": f"{time}+00:00",
        "request_id": f"{number:032x}",
        "use_case": "tb-cxr",
        "model": {"version": 1, "bundle": "sha256:" + "1" * 64, "data_version": "d", "evidence": None},
        "engine": {"kind": "openvino", "precision": "f32", "version": "1", "batch": 1, "cpu": "x"},
        "findings": [{"label": "tuberculosis", "probability": 0.5, "threshold": 0.4, "positive": True, "boxes": None}],
        "prediction_set": {"coverage": 0.9, "labels": ["tuberculosis"]},
        "abstained": None,
        "severity": None,
        "uncertainty": 1.0,
        "admissibility": {"code": None, "warnings": []},
        "image": {"format": "png", "rows": 256, "columns": 256},
        "quality": QUALITY,
        "embedding": embedded(np.zeros(8)),
        "sex": None,
        "age_band": None,
        "site": None,
        "key": None,
        "file": f"hmac:{number:016x}" + "0" * 48,
        "clinical": None,
        "patient": None,
    }
    return payload | changes


def scored(probability: float, threshold: float = 0.4, words: tuple[str, str] = ("normal", "tuberculosis")) -> dict[str, Any]:
    """Return the members of a payload that follow from a yes-or-no answer's probability."""
    positive = probability >= threshold
    finding = {"label": words[1], "probability": probability, "threshold": threshold, "positive": positive, "boxes": None}
    return {"findings": [finding], "prediction_set": {"coverage": 0.9, "labels": [words[positive]]}}


def embedded(values: NDArray[Any]) -> dict[str, str]:
    """Return an embedding as a payload holds it."""
    return {"type": "float16", "base64": base64.b64encode(values.astype("<f2").tobytes()).decode()}


def refusal(code: str) -> dict[str, Any]:
    """Return the members of a payload that a refusal has others of."""
    nothing = dict.fromkeys(("findings", "prediction_set", "abstained", "severity", "uncertainty", "embedding"))
    return {**nothing, "kind": "refusal", "admissibility": {"code": code, "warnings": []}}


def write_segments(folder: Path, payloads: Iterable[Mapping[str, Any]], each: int = 4000) -> None:
    """Write payloads as chained segments of so many lines, without a lock or a disk's patience."""
    write_bodies(folder, (canonical(dict(payload)) for payload in payloads), each)


def write_bodies(folder: Path, bodies: Iterable[bytes], each: int = 4000) -> None:
    """Write canonical payloads as chained segments."""
    folder.mkdir(parents=True, exist_ok=True)
    lines: list[bytes] = []
    number, before, link = 0, None, START
    for body in _after_none(bodies):
        if body is None or len(lines) > each:
            if lines:
                name = _write(folder, number, lines)
                before, number = {"segment": name, "link": link}, number + 1
            opening = {"kind": "segment", "time": "2026-01-01T00:00:00.000+00:00", "worker": "0" * 8, "before": before}
            lines, link = [], START
            link = _line(lines, canonical(opening), link)
        if body is not None:
            link = _line(lines, body, link)
    _write(folder, number, lines)


def _after_none(bodies: Iterable[bytes]) -> Iterable[bytes | None]:
    yield None
    yield from bodies


def _write(folder: Path, number: int, lines: list[bytes]) -> str:
    path = folder / f"20260101T{number:06}.000000Z-00000000.jsonl"
    path.write_bytes(b"".join(lines))
    return path.name


def _line(lines: list[bytes], body: bytes, previous: str) -> str:
    digest = "sha256:" + hashlib.sha256(body).hexdigest()
    bound = f'{{"digest":"{digest}","index":{len(lines)},"previous":"{previous}"}}\n'
    link = "sha256:" + hashlib.sha256(bound.encode()).hexdigest()
    head = f'{{"digest":"{digest}","index":{len(lines)},"link":"{link}","payload":'.encode()
    lines.append(head + body[:-1] + f',"previous":"{previous}"}}\n'.encode())
    return link
