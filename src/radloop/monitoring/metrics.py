"""The figures of `radloop monitor` for Prometheus: a file that the node exporter's textfile collector reads.

The service's own `/metrics` counts its requests; what is worked out from the record stands here, one file for all use cases.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from radloop.records.chain import locked
from radloop.records.seal import canonical, write_atomic
from radloop.settings import Settings

HELP = {
    "radloop_requests": "Requests of the served bundle in the record.",
    "radloop_refused": "Requests of the served bundle that were refused.",
    "radloop_looks": "Looks at the served bundle.",
    "radloop_alarm": "1 while the last look alarms.",
    "radloop_signal_p": "p-value of a signal in the last look; absent where it could not be judged.",
    "radloop_signal_alarm": "1 where a signal alarms in the last look.",
    "radloop_live": "Performance by confirmed labels; bound is value, low or high.",
    "radloop_expected": "Performance to expect without labels, where calibration holds.",
    "radloop_labels": "Answers with a confirmed label.",
    "radloop_monitored_seconds": "When this was worked out, seconds since 1970.",
}

Sample = tuple[str, dict[str, str], float]


def metrics_file(settings: Settings) -> Path:
    """Return where the metrics are written."""
    return settings.metrics_file or settings.place / "monitoring" / "radloop.prom"


def write_metrics(document: Mapping[str, Any], seconds: float, settings: Settings) -> Path:
    """Put a use case's figures in place of its older ones, in one rename.

    Args:
        document: what `radloop monitor` found.
        seconds: when, since 1970.
        settings: of the installation.
    """
    kept = settings.place / "monitoring" / "metrics.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    with locked(kept.with_suffix(".lock")):
        known: dict[str, list[Any]] = json.loads(kept.read_bytes()) if kept.is_file() else {}
        known[document["use_case"]] = [
            *samples(document),
            ("radloop_monitored_seconds", {"use_case": document["use_case"]}, seconds),
        ]
        write_atomic(kept, canonical(known))
        path = metrics_file(settings)
        write_atomic(path, exposition([tuple(item) for _, items in sorted(known.items()) for item in items]).encode())
    return path


def samples(document: Mapping[str, Any]) -> Iterator[Sample]:
    """Yield the figures of a use case."""
    of = {"use_case": document["use_case"]}
    yield "radloop_requests", of, document["served"]["requests"]
    yield "radloop_refused", of, document["served"]["refused"]
    yield "radloop_looks", of, document["drift"]["looks"]
    yield "radloop_alarm", of, float(document["alarm"])
    last = document["drift"]["last"]
    for item in last["signals"] if last else ():
        if item["p"] is not None:
            yield "radloop_signal_p", of | {"signal": item["signal"]}, item["p"]
        yield "radloop_signal_alarm", of | {"signal": item["signal"]}, float(item["alarm"])
    yield "radloop_labels", of, document["live"]["used"]
    for label, numbers in document["live"]["overall"]["findings"].items():
        for metric, interval in numbers.items():
            for bound in ("value", "low", "high"):
                if interval[bound] is not None:
                    yield "radloop_live", of | {"label": label, "metric": metric, "bound": bound}, interval[bound]
    for label, numbers in document["expected"]["findings"].items():
        for metric, value in numbers.items():
            if value is not None:
                yield "radloop_expected", of | {"label": label, "metric": metric}, value


def exposition(found: list[Any]) -> str:
    """Return samples in Prometheus' text format, version 0.0.4."""
    lines = []
    for name, text in HELP.items():
        own = [item for item in found if item[0] == name]
        if own:
            lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
            lines += [f"{name}{{{_labels(labels)}}} {float(value)!r}" for _, labels, value in own]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    escaped = {name: value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") for name, value in labels.items()}
    return ",".join(f'{name}="{value}"' for name, value in escaped.items())
