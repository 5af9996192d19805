"""From a sealed bundle to sealed evidence: evaluation, figures, attachments, seal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radloop.data.manifest import read_manifest, usable
from radloop.data.versions import DataVersion
from radloop.evaluation.attachments import draw_figures
from radloop.evaluation.cases import Cases, Outputs, cases_as_csv, score_cases
from radloop.evaluation.coverage import judge_coverage
from radloop.evaluation.examination import examine
from radloop.evaluation.examples import examples
from radloop.evaluation.hardest import hardest
from radloop.evaluation.judgement import judge
from radloop.governance.changes import since_champion
from radloop.governance.comparison import beside_champion
from radloop.governance.contradictions import contradictions
from radloop.governance.evidence import compose
from radloop.governance.mitigation import before_and_after
from radloop.governance.served import judge_precision
from radloop.inference.pointer import read_pointer
from radloop.inference.predictor import Predictor
from radloop.progress import report
from radloop.records.runs import Run
from radloop.records.seal import write_atomic, write_sealed
from radloop.settings import Settings
from radloop.training.result import SearchResult
from radloop.use_case import UseCase


def judge_bundle(
    use_case: UseCase,
    data: DataVersion,
    validation: dict[str, Any],
    search: dict[str, Any],
    packaged: dict[str, Any],
    run: Run,
    settings: Settings,
) -> dict[str, Any]:
    """Score `test` through the serving code, and write evidence and figures beside the bundle.

    Returns:
        digests of bundle and evidence, the metrics, and where the files lie.
    """
    place = settings.bundles / use_case.name / str(packaged["bundle"]).removeprefix("sha256:")
    predictor = Predictor(place, approved=False)
    folder = settings.data / use_case.name
    frame = read_manifest(folder)
    test = usable(frame[frame["split"] == "test"])
    cases = score_cases(predictor, test, folder, use_case, lambda done, total: report("evaluate", done, total))
    outputs = Outputs.of(predictor.facts)
    judgement = judge(cases, outputs, use_case.subgroups, use_case.policy)
    examination = examine(
        predictor,
        judgement.inside,
        outputs,
        judgement.judged,
        use_case.policy,
        folder,
        lambda done, total: report("examine", done, total),
    )
    judgement = replace(judgement, examination=examination)
    inside = judgement.inside
    hard = hardest(predictor, inside, outputs, judgement.judged, folder)
    figures = draw_figures(judgement, predictor.facts, examples(predictor, inside, folder), hard)
    attachments = figures | {"cases.csv": cases_as_csv(cases, outputs)}
    facts = {
        "version": data.version,
        "entry": data.entry,
        "validation": {key: validation[key] for key in ("success", "failed", "warnings")},
    }
    result = SearchResult(**search)
    evidence = compose(use_case, facts, result, predictor.bundle, packaged["parity"], judgement, attachments, settings)
    for name, content in attachments.items():
        write_atomic(place / "judgement" / name, content)
    if predictor.facts.conformal is not None:
        absence = predictor.facts.labels.words[0]
        found = judge_coverage(judgement.inside, outputs, absence, predictor.facts.conformal, use_case.policy)
        evidence |= {"conformal": found.as_dict()}
    evidence |= {"precision": judge_precision(predictor, use_case, data, result, run, settings)}
    evidence |= {"familiarity": _familiarity(predictor, judgement.inside)}
    evidence |= _beside(evidence, predictor, cases, test, use_case, settings)
    train, tune = (usable(frame[frame["split"] == split]) for split in ("train", "tune"))
    aside = result.set_aside
    evidence |= {"contradictions": contradictions(predictor, train, tune, use_case, settings, aside or ())}
    evidence |= {"mitigation": before_and_after(evidence, judgement, train, aside, use_case, settings)}
    sealed = write_sealed(place / "evidence.json", evidence)
    return {
        "bundle": packaged["bundle"],
        "evidence": sealed["seal"],
        "metrics": sealed["metrics"],
        "metrics_all_test": sealed["metrics_all_test"],
        "population": sealed["population"],
        **{name: sealed[name] for name in ("labels", "severity", "without_clinical") if name in sealed},
        "folder": _relative(place, settings),
    }


def _familiarity(predictor: Predictor, inside: Cases) -> dict[str, Any] | None:
    """Return how many of the intended images would be refused as strangers; None where no limit was fitted."""
    facts, familiar = predictor.facts.familiarity, predictor.familiar
    if facts is None or familiar is None or inside.embeddings is None:
        return None
    refused = int(np.sum(~(familiar.distance(inside.embeddings) <= facts.limit)))
    return {**facts.model_dump(mode="json"), "images": len(inside), "refused": refused}


def _beside(
    evidence: dict[str, Any], predictor: Predictor, cases: Cases, test: pd.DataFrame, use_case: UseCase, settings: Settings
) -> dict[str, Any]:
    """Return what the evidence says of the champion; the served pointer is read once, so that both members mean the same."""
    pointer = read_pointer(settings.bundles, use_case.name)
    return {
        "champion": beside_champion(pointer, predictor.facts, cases, test, use_case, settings),
        "changes": since_champion(evidence, pointer, settings),
    }


def _relative(place: Path, settings: Settings) -> str:
    return place.relative_to(settings.place).as_posix()
