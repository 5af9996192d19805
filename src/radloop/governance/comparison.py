"""The candidate beside the champion: both scored on the same test cases by the same code, and compared draw by draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from radloop.clinical import column
from radloop.errors import IntegrityError
from radloop.evaluation.cases import Cases, Outputs, score_cases
from radloop.evaluation.measures import cases_measure, intervals, intervals_as_json, number_as_json
from radloop.evaluation.outcomes import flips
from radloop.evaluation.paired import paired_areas
from radloop.inference.bundle import APPROVAL, BundleFacts
from radloop.inference.pointer import Pointer
from radloop.inference.predictor import Predictor
from radloop.progress import report
from radloop.settings import Settings
from radloop.statistics.arrays import FloatArray
from radloop.statistics.intervals import METRICS
from radloop.statistics.outputs import Name
from radloop.statistics.rates import RATES
from radloop.use_case import Policy, UseCase

_SHARED = ("modalities", "pixel_domain", "window", "frames_per_second")
"""What an image section must share, for the stored pixels to mean the same to both bundles."""


def beside_champion(
    pointer: Pointer | None, facts: BundleFacts, cases: Cases, test: pd.DataFrame, use_case: UseCase, settings: Settings
) -> dict[str, Any] | None:
    """Return the evidence's `champion`: None for a first version; with a `reason` in place of numbers where it cannot be.

    Args:
        pointer: what is served.
        facts: the candidate's.
        cases: as the candidate scored them.
        test: the manifest rows behind the cases.
    """
    if pointer is None:
        return None
    head = {"version": pointer.version, "bundle": pointer.bundle}
    folder = pointer.folder(settings.bundles)
    try:
        # A champion whose approval was withdrawn is served until it is replaced: what replaces it must be compared with it.
        champion = Predictor(folder, approved=(folder / APPROVAL).is_file())
    except IntegrityError as error:
        return head | {"reason": error.message}
    reason = incomparable(champion.facts, facts, test)
    if reason is not None:
        return head | {"reason": reason}
    folder = settings.data / use_case.name
    theirs = score_cases(champion, test, folder, use_case, lambda done, total: report("champion", done, total))
    return head | compare(cases, theirs, Outputs.of(facts), Outputs.of(champion.facts), use_case.policy)


def incomparable(old: BundleFacts, new: BundleFacts, test: pd.DataFrame) -> str | None:
    """Return why the champion cannot score the candidate's cases, None where it can."""
    if old.labels != new.labels or old.outputs != new.outputs:
        return f"it answers {', '.join(old.outputs)}, the candidate {', '.join(new.outputs)}, or calls their absence otherwise"
    for name in _SHARED:
        before, after = getattr(old.image, name), getattr(new.image, name)
        if before != after:
            return f"its images have another {name.replace('_', ' ')}"
    lost = [item.name for item in old.clinical if column(item.name) not in test.columns]
    return f"it takes {', '.join(lost)}, which the data no longer has" if lost else None


def compare(ours: Cases, theirs: Cases, new: Outputs, old: Outputs, policy: Policy) -> dict[str, Any]:
    """Compare two bundles on the cases that lie within the intended use of both.

    Every difference is candidate minus champion in the same draws, each bundle at its own thresholds; `at_old_threshold` is
    the candidate's scores cut at the champion's, and `shift` what that changes.

    Args:
        ours: as the candidate scored them, n rows.
        theirs: as the champion scored the same rows.
        new: the candidate's outputs.
        old: the champion's, of the same labels.
        policy: number and seed of the draws.
    """
    both = ours.intended & theirs.intended
    ours, theirs = ours.within(both), theirs.within(both)
    judged = ours.judged(new)
    kept = replace(new, thresholds=old.thresholds, groups=old.groups)
    candidate, champion = cases_measure(ours, new, judged, METRICS), cases_measure(theirs, old, judged, METRICS)
    cut = cases_measure(ours, kept, judged, tuple(RATES))

    def measure(weights: FloatArray) -> dict[Name, FloatArray]:
        mine, others, shifted = candidate(weights), champion(weights), cut(weights)
        found: dict[Name, FloatArray] = {("champion", name): drawn for name, drawn in _overall(others).items()}
        found |= {
            ("difference", name): drawn - others[None, name] for name, drawn in _overall(mine).items() if (None, name) in others
        }
        found |= {("at_old_threshold", name): drawn for name, drawn in _overall(shifted).items() if name in RATES}
        return found | {("shift", name): shifted[None, name] - others[None, name] for name in ("sensitivity", "specificity")}

    found = intervals(measure, ours, policy, signed=lambda name: name[0] in ("difference", "shift"))
    parts = ("champion", "difference", "at_old_threshold", "shift")
    shown = {part: intervals_as_json({name: found[key, name] for key, name in found if key == part}) for part in parts}
    return {
        "cases": len(ours),
        "thresholds": {"champion": _thresholds(old), "candidate": _thresholds(new)},
        **shown,
        "delong": paired_areas(ours, theirs, new, judged),
        "shift": {"flips": number_as_json(flips(ours, theirs, kept, judged)), **shown["shift"]},
    }


def _thresholds(outputs: Outputs) -> list[float | None]:
    """Return every threshold of a bundle: of all, then of each group, then of unknown ones."""
    groups = outputs.groups
    rows = [] if groups is None else [*(point.thresholds for point in groups.points), groups.unknown]
    return [cut for row in (outputs.thresholds, *rows) for cut in row]


def _overall(found: Mapping[Name, FloatArray]) -> dict[str, FloatArray]:
    return {name: drawn for (label, name), drawn in found.items() if label is None}
