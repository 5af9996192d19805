"""The page of a model version in MLflow: verdict, numbers, figures and model facts, as the Markdown of its description."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from PIL import Image

from radloop.governance.model_facts import ModelFacts, Tested

MOST = 5000
"""Characters that MLflow's database holds of a description."""
OVERVIEW = "overview.png"
"""The artifact with all figures made small: MLflow's page shows an image at its own size only."""
_SHOWN = ("roc", "labels", "calibration", "decision", "dice", "regions", "subgroups", "hardest")
_COLUMNS, _WIDTH = 2, 360
_RULES = 6
_LONGEST = 160


def version_page(evidence: Mapping[str, Any], verdict: Mapping[str, Any], label: ModelFacts, run_id: str, address: str) -> str:
    """Return the description of a version, at most `MOST` characters; what does not fit is left out from the end of the tables.

    Args:
        evidence: sealed.
        verdict: the gate's `verdict` and `reasons`.
        label: the model's facts.
        run_id: of the MLflow run that holds the artifacts under `judgement`.
        address: of the page on which decisions are signed.
    """
    digest = str(evidence["bundle"]["digest"])
    page = f"{address}/{evidence['use_case']['name']}/{digest.removeprefix('sha256:')}"
    head = "\n".join(
        [
            f"# {label.name}: {verdict['verdict']}",
            "",
            *(["**Synthetic phantoms: not for any patient.**", ""] if label.synthetic else []),
            label.summary,
            "",
            f"[Report]({page}/report) with every table and figure, also the run's artifacts `judgement/report.html` and "
            f"[`judgement/model-facts.html`]({_artifact(run_id, 'model-facts.html')}). [Decide]({page}) under `radloop up`, or "
            "set the tag `radloop.review` here to `approve: NOTE` or `reject: NOTE`.",
        ]
    )
    tail = (
        f"Bundle `{digest}`, evidence `{evidence['seal']}`, data `{evidence['data']['version']}`. "
        "The label is after Sendak et al., npj Digital Medicine 3:41, 2020."
    )
    parts = [
        _table(["Tested on", "Images", *label.metrics], [_row(row) for row in label.performance]),
        _rules(verdict),
        _list("Warnings", label.warnings),
        f"![The figures]({_artifact(run_id, OVERVIEW)})" if evidence.get("figures") else "",
        _list("Uses and directions", label.directions),
    ]
    return _fitted(head, parts, tail)


def overview(figures: Mapping[str, bytes]) -> bytes | None:
    """Return the first figures as one small PNG, side by side; None where there is none.

    Args:
        figures: PNG bytes by file name.
    """
    shown = [figures[name] for stem in _SHOWN if (name := f"{stem}.png") in figures]
    images = [Image.open(io.BytesIO(content)).convert("RGB") for content in shown]
    if not images:
        return None
    small = [image.resize((_WIDTH, round(image.height * _WIDTH / image.width)), Image.Resampling.LANCZOS) for image in images]
    rows = [small[start : start + _COLUMNS] for start in range(0, len(small), _COLUMNS)]
    sheet = Image.new("RGB", (_COLUMNS * _WIDTH, sum(max(image.height for image in row) for row in rows)), "white")
    top = 0
    for row in rows:
        for column, image in enumerate(row):
            sheet.paste(image, (column * _WIDTH, top))
        top += max(image.height for image in row)
    stream = io.BytesIO()
    sheet.save(stream, "PNG")
    return stream.getvalue()


def _fitted(head: str, parts: Sequence[str], tail: str) -> str:
    """Join the parts that fit, in their order."""
    kept: list[str] = []
    for part in parts:
        if part and len("\n\n".join([head, *kept, part, tail])) < MOST:
            kept.append(part)
    return "\n\n".join([head, *kept, tail])[: MOST - 1] + "\n"


def _rules(verdict: Mapping[str, Any]) -> str:
    reasons = list(verdict.get("reasons") or ())
    unmet = [reason for reason in reasons if reason["status"] not in ("passed", "not_applicable")]
    rows = [
        [f"`{reason['rule']}`", str(reason["status"]).replace("_", " "), _cut(reason["sentence"])] for reason in unmet[:_RULES]
    ]
    said = f"{len(reasons) - len(unmet)} of {len(reasons)} rules are met or do not apply."
    more = f" {len(unmet) - _RULES} more are not: see the report." if len(unmet) > _RULES else ""
    return "\n\n".join([said + more, *([_table(["Rule", "Status", "Reason"], rows)] if rows else [])])


def _artifact(run_id: str, name: str) -> str:
    """Return where MLflow's server gives an artifact, seen from its page."""
    return f"get-artifact?{urlencode({'path': f'judgement/{name}', 'run_uuid': run_id})}"


def _row(row: Tested) -> list[str]:
    return [row.name, "not recorded" if row.images is None else f"{row.images:,}", *(_interval(cell) for cell in row.cells)]


def _interval(cell: Mapping[str, Any] | None) -> str:
    value, low, high = ((cell or {}).get(end) for end in ("value", "low", "high"))
    if value is None:
        return "not evaluable"
    return f"{value:.3f}" + (" (no interval)" if low is None or high is None else f" ({low:.3f} to {high:.3f})")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(cell.replace('|', ' ') for cell in row)} |" for row in rows)])


def _list(title: str, items: Sequence[str]) -> str:
    return "\n".join([f"**{title}**", "", *(f"- {_cut(item)}" for item in items)]) if items else ""


def _cut(text: Any) -> str:
    words = str(text)
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
