"""What readers made of the answers, by the week in which they were answered, by version and by subgroup."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from radloop.inference.bundle import CONTENT, BundleFacts, bundle_folder, read_facts
from radloop.monitoring.index import FEEDBACK, Index
from radloop.monitoring.performance import rated
from radloop.monitoring.served import ATTRIBUTES, WEEK
from radloop.monitoring.timeline import Span, monday
from radloop.monitoring.truths import Labelled, labels
from radloop.settings import Settings

MOST = 20_000
"""The newest labels of each version that weeks are worked out from."""
RECENT = 4 * WEEK
"""What is called recent: all labels together would hide a change behind the months before it."""
RATES = ("sensitivity", "specificity")


@dataclass(frozen=True, slots=True)
class Week:
    """Labels on one version's answers of one week, of everyone or of a subgroup.

    Attributes:
        monday: where it begins, milliseconds since 1970.
        version: of the model; its bundle's digest where no version is known.
        group: attribute and word; None is everyone.
        labels: answers with a confirmed label.
        corrected: of these, those that readers corrected.
        findings: of each output, sensitivity and specificity with n, value, low and high.
    """

    monday: int
    version: str
    group: tuple[str, str] | None
    labels: int
    corrected: int
    findings: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Confirmed:
    """All labels of a use case that a page can show.

    Attributes:
        weeks: by time, then version; everyone before the subgroups.
        outputs: the findings, those of every version.
        contradicted: requests on which readers disagree.
        without_bundle: labels on answers of bundles that are gone: what their outputs meant cannot be told.
        groups: labels and corrections of each subgroup, by attribute and word, over the whole span.
        recent: of each output of what is served, sensitivity and specificity in the newest `RECENT` that has labels.
    """

    weeks: list[Week]
    outputs: tuple[str, ...]
    contradicted: int
    without_bundle: int
    groups: dict[tuple[str, str], tuple[int, int]]
    recent: dict[str, dict[str, Any]]

    def everyone(self) -> list[Week]:
        """Return the weeks of everyone."""
        return [week for week in self.weeks if week.group is None]


def confirmed(
    index: Index, document: Mapping[str, Any], versions: Mapping[str, int], shown: Span, settings: Settings
) -> Confirmed:
    """Work out every week of a span.

    Args:
        index: refreshed.
        document: `use_case`, and the `bundle` that is served.
        versions: of the bundles, by digest.
        shown: whose answers count.
        settings: of the installation.

    Raises:
        IntegrityError: a bundle's facts cannot be read.
    """
    use_case, weeks, recent = str(document["use_case"]), list[Week](), dict[str, dict[str, Any]]()
    outputs: dict[str, None] = {}
    groups: dict[tuple[str, str], tuple[int, int]] = {}
    contradicted = gone = 0
    for bundle, number in _bundles(index, use_case):
        folder = bundle_folder(settings.bundles, use_case, bundle) / CONTENT
        if not folder.is_dir():
            gone += number
            continue
        facts = read_facts(folder)
        found = labels(index, use_case, bundle, facts, shown.start, MOST)
        contradicted += len(found.contradicted)
        inside = (found.labelled.at >= shown.start) & (found.labelled.at < shown.end)
        cases = found.labelled.chosen(inside)
        outputs |= dict.fromkeys(facts.outputs)
        name = f"version {versions[bundle]}" if bundle in versions else bundle[7:19]
        weeks += _weeks(cases, name, facts)
        if bundle == document["bundle"]:
            recent = _recent(cases, facts)
        for group, own in _groups(cases):
            n, corrected = groups.get(group, (0, 0))
            groups[group] = (n + len(own.at), corrected + int(own.corrected.sum()))
    weeks.sort(key=lambda week: (week.group is not None, week.group or ("", ""), week.monday, week.version))
    return Confirmed(weeks, tuple(outputs), contradicted, gone, groups, recent)


def _bundles(index: Index, use_case: str) -> list[tuple[str, int]]:
    of = sa.select(FEEDBACK.c.bundle, sa.func.count(sa.distinct(FEEDBACK.c.request_id))).where(FEEDBACK.c.use_case == use_case)
    return [
        (str(bundle), int(number)) for bundle, number in index.rows(of.group_by(FEEDBACK.c.bundle).order_by(FEEDBACK.c.bundle))
    ]


def _weeks(cases: Labelled, version: str, facts: BundleFacts) -> Iterator[Week]:
    starts = np.array([monday(int(at)) for at in cases.at], dtype=np.int64)
    for start in np.unique(starts):
        own = cases.chosen(starts == start)
        yield _week(own, int(start), version, None, facts)
        for group, members in _groups(own):
            yield _week(members, int(start), version, group, facts)


def _recent(cases: Labelled, facts: BundleFacts) -> dict[str, dict[str, Any]]:
    newest = cases.chosen(cases.at > cases.at.max(initial=0) - RECENT)
    return {label: rated(newest, k, RATES) for k, label in enumerate(facts.outputs)}


def _groups(cases: Labelled) -> Iterator[tuple[tuple[str, str], Labelled]]:
    for name in ATTRIBUTES:
        for word in np.unique(cases.groups[name]):
            yield (name, str(word)), cases.chosen(cases.groups[name] == word)


def _week(cases: Labelled, start: int, version: str, group: tuple[str, str] | None, facts: BundleFacts) -> Week:
    findings = {label: rated(cases, k, RATES) for k, label in enumerate(facts.outputs)}
    return Week(start, version, group, len(cases.at), int(cases.corrected.sum()), findings)
