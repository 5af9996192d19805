"""A mitigation's groups before and after it, for the evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from radloop.data.groups import group_words
from radloop.errors import IntegrityError
from radloop.evaluation.groups import UNKNOWN, attribute_rows
from radloop.evaluation.judgement import Judgement, row_as_json
from radloop.evaluation.mitigated import SHOWN
from radloop.governance.registry import Registry
from radloop.governance.review import read_evidence
from radloop.settings import Settings
from radloop.use_case import Mitigation, UseCase

Row = dict[str, Any]


def before_and_after(
    evidence: Mapping[str, Any],
    judgement: Judgement,
    train: pd.DataFrame,
    aside: Sequence[Sequence[str]] | None,
    use_case: UseCase,
    settings: Settings,
) -> dict[str, Any] | None:
    """Return the evidence's `mitigation`, None where the YAML asks for none.

    Args:
        evidence: not yet sealed, with `subgroups` and `contradictions`.
        judgement: behind it.
        train: the manifest's rows that the network was trained on.
        aside: labels that were set aside, each as image and output; None where nobody asked.
        use_case: its mitigation.
        settings: of the installation, whose registry may hold a version that was made without.

    Returns:
        what was done; `after`: a row a group; `before`: those of the newest version that was judged on the same data version
        without a mitigation, null where there is none; `one_threshold`: this bundle with one threshold for all, where groups
        have their own; `set_aside`: labels in `train` by group, and how many of them were not learnt.
    """
    asked = use_case.mitigation
    if asked is None:
        return None
    return {
        **asked.model_dump(mode="json"),
        "set_aside": None if aside is None else _aside(train, aside, asked, use_case),
        "before": _before(str(evidence["data"]["version"]), asked, use_case.name, settings),
        "after": _rows(evidence, asked.attribute),
        "one_threshold": None if judgement.outputs.groups is None else _one_threshold(judgement, asked, use_case),
    }


def _before(data_version: str, asked: Mitigation, use_case: str, settings: Settings) -> dict[str, Any] | None:
    for version in Registry(use_case, settings).versions():
        try:
            found = read_evidence(version, settings)
        except IntegrityError:
            continue
        if found["data"]["version"] == data_version and found["use_case"]["config"].get("mitigation") is None:
            rows = _rows(found, asked.attribute)
            return {"version": version.version, "evidence": found["seal"], "verdict": version.verdict, "rows": rows}
    return None


def _rows(evidence: Mapping[str, Any], attribute: str) -> list[Row]:
    wrong = (evidence.get("contradictions") or {}).get("subgroups", [])
    shares = {row["value"]: row["share"] for row in wrong if row["attribute"] == attribute}
    return [_row(row, shares.get(row["value"])) for row in evidence["subgroups"] if row["attribute"] == attribute]


def _row(row: Mapping[str, Any], contradicted: Any) -> Row:
    metrics = {name: row["metrics"][name] for name in SHOWN if name in row["metrics"]}
    return {"value": row["value"], "images": row["images"], "metrics": metrics, "contradicted": contradicted}


def _one_threshold(judgement: Judgement, asked: Mitigation, use_case: UseCase) -> list[Row]:
    plain = replace(judgement.outputs, groups=None)
    rows = attribute_rows(
        asked.attribute, judgement.cases, judgement.inside, plain, judgement.judged, use_case.subgroups, use_case.policy
    )
    return [_row(row_as_json(row), None) for row in rows]


def _aside(train: pd.DataFrame, aside: Iterable[Sequence[str]], asked: Mitigation, use_case: UseCase) -> list[Row]:
    doubted = {image for image, _ in aside}
    words = [word or UNKNOWN for word in group_words(train, asked.attribute, use_case.subgroups)]
    ids = train["id"].tolist()
    return [
        {
            "value": word,
            "images": words.count(word),
            "set_aside": sum(image in doubted for image, own in zip(ids, words, strict=True) if own == word),
        }
        for word in sorted(set(words))
    ]
