"""What the report's tables hold: rows of the evidence, in words; nothing is computed but a bar's ends."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from jinja2.runtime import Undefined

from radloop.evaluation.wording import ATTRIBUTES, GROUPED, METRICS, REGIONS, SEVERITY, TILES, meaning, name

Row = dict[str, Any]


def absent(value: Any) -> bool:
    """Tell whether a value is null, NaN, infinite or was never written."""
    return value is None or isinstance(value, Undefined) or (isinstance(value, float) and not math.isfinite(value))


def kind_of(evidence: Mapping[str, Any]) -> str:
    """Return the kind of labels; one that this page does not know is read as a yes-or-no question."""
    found = str(_labels(evidence).get("kind", "binary"))
    return found if found in TILES else "binary"


def words_of(evidence: Mapping[str, Any]) -> Mapping[str, str | None]:
    """Return what is looked for and what it is told from, each None where it was not recorded."""
    labels = _labels(evidence)
    kind = kind_of(evidence)
    if kind == "multiclass":
        return {"positive": ", ".join(labels.get("classes") or ()) or None, "negative": "one another"}
    if kind == "multilabel":
        return {"positive": ", ".join(labels.get("findings") or ()) or None, "negative": labels.get("none")}
    if kind == "segmentation":
        return {"positive": labels.get("target"), "negative": labels.get("none")}
    return {"positive": labels.get("positive"), "negative": labels.get("negative")}


def headline(evidence: Mapping[str, Any]) -> str | None:
    """Return what the page's head says is looked for; many findings are counted, not named."""
    labels, words = _labels(evidence), words_of(evidence)
    if kind_of(evidence) == "multiclass" and words["positive"]:
        return f"telling apart {words['positive']}"
    findings = labels.get("findings") or ()
    sought = f"{len(findings)} findings" if len(findings) > 4 else words["positive"]
    return f"looking for {sought}" if sought else None


def metric_rows(evidence: Mapping[str, Any]) -> list[Row]:
    """Return a row for every metric that there should be, and for any other that there is."""
    gated, everyone = evidence.get("metrics") or {}, evidence.get("metrics_all_test") or {}
    words = words_of(evidence)
    spoken = {"positive": words["positive"] or "the finding", "negative": words["negative"] or "no finding"}
    kind = kind_of(evidence)
    first = [*REGIONS, *METRICS] if kind == "segmentation" else list(METRICS)
    return [
        {
            "key": key,
            "name": name(key),
            "meaning": meaning(key, kind, spoken),
            "gated": gated.get(key),
            "all_test": everyone.get(key),
            "bar": _bar(gated.get(key)),
        }
        for key in dict.fromkeys([*first, *gated, *everyone])
    ]


def tiles(evidence: Mapping[str, Any], rows: Iterable[Row]) -> list[Row]:
    """Return the metrics that the page shows first, in their order."""
    by_key = {row["key"]: row for row in rows}
    return [by_key[key] for key in TILES[kind_of(evidence)] if key in by_key]


def grouped(evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return key and name of the metrics of the table of subgroups."""
    return [(key, name(key)) for key in GROUPED[kind_of(evidence)]]


def cuts_by_group(evidence: Mapping[str, Any]) -> str | None:
    """Return the thresholds of one output by group in words, None where all share one."""
    found = (evidence.get("bundle") or {}).get("group_thresholds")
    if not isinstance(found, Mapping) or len(found.get("unknown") or ()) != 1:
        return None
    points = [(str(point.get("word")), (point.get("thresholds") or [None])[0]) for point in found.get("points") or ()]
    return ", ".join(
        f"{word} {'none' if absent(cut) else f'{cut:.3f}'}" for word, cut in [*points, ("unknown", found["unknown"][0])]
    )


def attribute_rows(evidence: Mapping[str, Any]) -> list[Row]:
    """Return the subgroups by one attribute; an attribute without any is listed all the same."""
    rows: Iterable[Mapping[str, Any]] = [row for row in evidence.get("subgroups") or () if not is_pair(row)]
    names = dict.fromkeys([*ATTRIBUTES, *(str(row.get("attribute")) for row in rows)])
    return [
        {
            "name": ATTRIBUTES.get(attribute, attribute.replace("_", " ").capitalize()),
            "rows": [row for row in rows if str(row.get("attribute")) == attribute],
        }
        for attribute in names
    ]


def tested_rows(evidence: Mapping[str, Any]) -> list[Row]:
    """Return who was tested: the groups by one attribute that have images, each attribute with the images of all of them."""
    found = []
    for attribute in attribute_rows(evidence):
        rows = [row for row in attribute["rows"] if row.get("images")]
        whole = sum(row["images"] for row in rows)
        counted = [row | {"whole": whole, "with": _positives(row)} for row in rows]
        if counted:
            found.append({"name": attribute["name"], "rows": counted})
    return found


def _positives(row: Mapping[str, Any]) -> Any:
    return (row.get("fewest") or {}).get("positives") if "fewest" in row else row.get("positives")


def is_pair(row: Mapping[str, Any]) -> bool:
    """Tell whether a subgroup's row is of two attributes together."""
    return "+" in str(row.get("attribute"))


def label_rows(evidence: Mapping[str, Any]) -> list[Row]:
    """Return a row for each of several labels; none for a single one."""
    outputs = (evidence.get("bundle") or {}).get("outputs") or ()
    found = evidence.get("labels") or {}
    if not found and len(outputs) < 2:
        return []
    splits = (evidence.get("data") or {}).get("splits") or {}
    return [
        {
            "name": label,
            **{key: (found.get(label) or {}).get(key) for key in ("images", "positives", "judged", "metrics")},
            "threshold": _of_output(evidence, "thresholds", label),
            "temperature": _of_output(evidence, "temperatures", label),
            "splits": {split: (counts.get("labels") or {}).get(label) for split, counts in splits.items()},
        }
        for label in dict.fromkeys([*outputs, *found])
    ]


def matrix(found: Any, labels: Iterable[str]) -> Row | None:
    """Return a confusion matrix as rows with their totals; None without one."""
    words = list(labels)
    if not isinstance(found, list) or not words:
        return None
    rows = [{"name": word, "counts": counts, "total": sum(counts)} for word, counts in zip(words, found, strict=False)]
    return {"labels": words, "rows": rows}


def severity_of(evidence: Mapping[str, Any]) -> Row | None:
    """Return the metrics and the table of the levels; None without a severity."""
    found = evidence.get("severity")
    if not isinstance(found, Mapping):
        return None
    metrics = found.get("metrics") or {}
    rows = [{"name": title, "meaning": words, "estimate": metrics.get(key)} for key, (title, words) in SEVERITY.items()]
    return {"images": found.get("images"), "rows": rows, "matrix": matrix(found.get("confusion"), found.get("levels") or ())}


def clinical_rows(evidence: Mapping[str, Any]) -> list[Row]:
    """Return each metric with the clinical values, without them, and the difference; none where there are no values."""
    found = evidence.get("without_clinical")
    if not isinstance(found, Mapping):
        return []
    both, hidden, apart = evidence.get("metrics") or {}, found.get("metrics") or {}, found.get("difference") or {}
    return [
        {"name": name(key), "both": both.get(key), "hidden": hidden.get(key), "difference": apart.get(key)}
        for key in METRICS
        if key in hidden
    ]


def _labels(evidence: Mapping[str, Any]) -> Mapping[str, Any]:
    return (evidence.get("use_case") or {}).get("labels") or {}


def _of_output(evidence: Mapping[str, Any], key: str, label: str) -> Any:
    """Return a number of the bundle that has one for each output; None where all share one."""
    bundle = evidence.get("bundle") or {}
    outputs, numbers = list(bundle.get("outputs") or ()), list(bundle.get(key) or ())
    return numbers[outputs.index(label)] if label in outputs and len(numbers) == len(outputs) else None


def _bar(interval: Any) -> dict[str, str] | None:
    """Return where an interval lies between 0 and 1, percent; None where it cannot be drawn."""
    ends = [interval.get(end) if isinstance(interval, Mapping) else None for end in ("low", "value", "high")]
    if any(absent(end) for end in ends):
        return None
    low, value, high = (100 * min(1.0, max(0.0, float(end))) for end in ends if end is not None)
    return {"low": f"{low:.1f}", "width": f"{high - low:.1f}", "value": f"{value:.1f}"}
