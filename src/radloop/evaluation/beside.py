"""What the report's tables of comparisons hold: acting or not, readers, the champion, what was learnt later; in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from radloop.evaluation.sections import Row, absent, is_pair
from radloop.evaluation.wording import ATTRIBUTES, METRICS, REGIONS, name

ADDENDA: Mapping[str, str] = {
    "external": "images of another source",
    "shadow": "beside the champion, seen by nobody",
    "canary": "beside the champion, for a share of the requests",
}
"""Kinds of addenda."""


def benefit_of(evidence: Mapping[str, Any]) -> Row | None:
    """Return the decision curve's rows, or of several labels the one in use of each; None where there is none."""
    found = evidence.get("net_benefit")
    if not isinstance(found, Mapping):
        return None
    if "labels" in found:
        rows = [_used(_curve(item)) | {"name": label} for label, item in (found["labels"] or {}).items()]
        return {"rows": [], "labels": rows}
    return {"rows": _curve(found), "labels": []}


def _curve(found: Mapping[str, Any]) -> list[Row]:
    thresholds = list(found.get("thresholds") or ())
    columns = [_padded(found.get(name), len(thresholds)) for name in ("model", "treat_all", "gain")]
    return [
        {
            "threshold": threshold,
            "odds": (1 - threshold) / threshold,
            "used": number == len(thresholds) // 2,
            "model": model,
            "everyone": everyone,
            "gain": gain,
        }
        for number, (threshold, model, everyone, gain) in enumerate(zip(thresholds, *columns, strict=True))
    ]


def _used(rows: list[Row]) -> Row:
    return next((row for row in rows if row["used"]), {})


def _padded(values: Any, count: int) -> list[Any]:
    given = list(values or ())
    return given if len(given) == count else [None] * count


def readers_of(evidence: Mapping[str, Any]) -> Row | None:
    """Return every reader beside the bundle, and pairs of readers; None where nobody read."""
    found = evidence.get("readers")
    if not isinstance(found, Mapping):
        return None
    each = [
        {
            "name": spoken(reader),
            **{key: item.get(key) for key in ("images", "patients", "kappa")},
            "rows": [
                {
                    "name": name(metric),
                    "reader": theirs,
                    "model": (item.get("model") or {}).get(metric),
                    "difference": (item.get("difference") or {}).get(metric),
                }
                for metric, theirs in _ordered(item.get("metrics"))
            ],
        }
        for reader, item in (found.get("each") or {}).items()
    ]
    pairs = [pair | {end: spoken(str(pair.get(end))) for end in ("first", "second")} for pair in found.get("agreement") or ()]
    return {"each": each, "agreement": pairs}


def spoken(reader: str) -> str:
    """Return a reader's name as words."""
    return reader.replace("_", " ").capitalize()


def champion_of(evidence: Mapping[str, Any]) -> Row | None:
    """Return the comparison with the champion; None for a first version or where nothing was recorded."""
    found = evidence.get("champion")
    if not isinstance(found, Mapping):
        return None
    theirs, apart, kept = (found.get(key) or {} for key in ("champion", "difference", "at_old_threshold"))
    return {
        **{key: found.get(key) for key in ("version", "cases", "reason")},
        "rows": [
            {"name": name(key), "champion": number, "difference": apart.get(key), "kept": kept.get(key)}
            for key, number in _ordered(theirs)
        ],
        "areas": areas(found.get("delong")),
        "flips": (found.get("shift") or {}).get("flips"),
    }


def areas(found: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the differences of AUROC by DeLong's test, each with its label; of a single output the empty word."""
    if not isinstance(found, Mapping):
        return []
    return list((found["labels"] or {}).items()) if "labels" in found else [("", found)]


def addendum_rows(evidence: Mapping[str, Any], addenda: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return every addendum with its numbers beside the evidence's, in the order given."""
    return [_addendum(evidence, addendum) for addendum in addenda]


def _addendum(evidence: Mapping[str, Any], addendum: Mapping[str, Any]) -> Row:
    metrics, population = evidence.get("metrics") or {}, addendum.get("population") or {}
    counts = population.get("gated") or addendum.get("counts") or {}
    kind = str(addendum.get("kind", "addendum"))
    named = addendum.get("name")
    return {
        "title": ADDENDA.get(kind, kind.replace("_", " ")) + (f", {named}" if named else ""),
        "says": addendum.get("says"),
        "images": counts.get("images"),
        "patients": counts.get("patients"),
        "prevalence": _share(counts.get("positives"), counts.get("images")),
        "created": addendum.get("created"),
        "belongs": addendum.get("evidence") == evidence.get("seal"),
        "seal": addendum.get("seal"),
        "metrics": [
            {"key": key, "name": name(key), "evidence": metrics.get(key), "addendum": number}
            for key, number in _ordered(addendum.get("metrics"))
        ],
        "groups": [
            row | {"name": f"{ATTRIBUTES.get(str(row.get('attribute')), str(row.get('attribute')))} {row.get('value')}"}
            for row in addendum.get("subgroups") or ()
            if not is_pair(row)
        ],
        "reasons": addendum.get("reasons") or [],
    }


def _share(part: Any, whole: Any) -> float | None:
    return None if absent(part) or absent(whole) or not whole else part / whole


def _ordered(found: Any) -> list[tuple[str, Any]]:
    """Return metrics in the order of the report's tables; unknown ones come last."""
    members: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    known = [key for key in (*REGIONS, *METRICS) if key in members]
    return [(key, members[key]) for key in dict.fromkeys([*known, *members])]
