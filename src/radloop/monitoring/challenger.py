"""The challenger beside the champion, by the record: how often they agree, and by confirmed labels which is better.

A shadow answered the champion's own requests, so that the two are compared pair by pair. A canary answered others: then two
samples stand side by side, and what differs between them may be the patients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from radloop.errors import Refusal
from radloop.governance.addenda import add_addendum, copy_addenda
from radloop.governance.registry import Registry
from radloop.inference.bundle import CONTENT, BundleFacts, read_facts
from radloop.inference.challenger import Challenger, read_challenger
from radloop.inference.pointer import Pointer, read_pointer
from radloop.monitoring.index import ANSWERS, SHADOWS, Index
from radloop.monitoring.looks import served as check_served
from radloop.monitoring.performance import METRICS, as_interval, measured, resampled, shown
from radloop.monitoring.truths import Labelled, calls, labels
from radloop.settings import Settings
from radloop.statistics.arrays import FloatArray, owners
from radloop.statistics.averages import averages
from radloop.statistics.outputs import Name
from radloop.statistics.resamples import evaluate, presorted

MOST = 20_000
"""The newest requests of each that are compared."""
_ONE = ("request_id", "patient", "file", "answered", "code", "abstained", "scores", "positive")


@dataclass(frozen=True, slots=True)
class _Asked:
    """Requests of one bundle, the newest first; `_ONE` each."""

    rows: Sequence[Sequence[Any]]

    @property
    def answered(self) -> _Asked:
        return _Asked([row for row in self.rows if row[3]])

    @property
    def patients(self) -> NDArray[np.str_]:
        """Return who each is, [n]; without a patient, whose file it is."""
        return np.array([f"p {row[1]}" if row[1] else f"f {row[2]}" for row in self.rows], dtype=str)


def compare(use_case: str, settings: Settings) -> dict[str, Any]:
    """Return champion and challenger side by side, from the moment at which the challenger began.

    Raises:
        Refusal: `no_champion` or `no_challenger`.
        IntegrityError: a record or a bundle was edited.
    """
    champion = check_served(read_pointer(settings.bundles, use_case), use_case)
    challenger = read_challenger(settings.bundles, use_case)
    if challenger is None:
        raise Refusal("no_challenger", f"nothing answers beside {use_case}'s champion", f"radloop challenger shadow {use_case}")
    facts = read_facts(challenger.folder(settings.bundles) / CONTENT)
    since = round(datetime.fromisoformat(challenger.since).timestamp() * 1000)
    with Index(settings) as index:
        index.refresh()
        found = (_paired if challenger.mode == "shadow" else _apart)(index, champion, challenger, facts, since)
    head = {
        "use_case": use_case,
        "mode": challenger.mode,
        "share": challenger.share,
        "since": challenger.since,
        "champion": {"version": champion.version, "bundle": champion.bundle},
        "challenger": {"version": challenger.version, "bundle": challenger.bundle},
    }
    return head | found | {"says": _sentence(challenger, champion, found)}


def record(use_case: str, settings: Settings) -> dict[str, Any]:
    """Seal the comparison as an addendum to the challenger's evidence and return the addendum.

    Raises:
        Refusal: as `compare`; `nothing_to_compare`: it has not answered yet.
        IntegrityError: likewise; or an addendum was edited.
    """
    found = compare(use_case, settings)
    if not found["pairs" if found["mode"] == "shadow" else "requests_challenger"]:
        raise Refusal("nothing_to_compare", f"version {found['challenger']['version']} has not answered yet", "wait for requests")
    version = Registry(use_case, settings).version(found["challenger"]["version"])
    labelled = found["labelled"]["challenger"]
    findings = list(labelled["findings"].values())
    document = {
        "kind": found["mode"],
        "name": f"{found['mode']} beside version {found['champion']['version']} since {found['since'][:10]}",
        "use_case": use_case,
        "model_version": version.version,
        "says": found["says"],
        "counts": {"images": found["answered"], "patients": found["patients"], "judged": labelled["n"]},
        "metrics": findings[0] if len(findings) == 1 and labelled["n"] else {},
        "reasons": [],
        "comparison": found,
    }
    sealed = add_addendum(version, document, settings)
    copy_addenda(version, settings)
    return sealed


def told(found: Mapping[str, Any]) -> str:
    """Return what people read on a terminal."""
    lines = [f"{found['use_case']} version {found['challenger']['version']}: {found['says']}"]
    lines += _pairs(found) if found["mode"] == "shadow" else _samples(found)
    for label, numbers in found["labelled"]["challenger"]["findings"].items():
        before = found["labelled"]["champion"]["findings"][label]
        gained = found["labelled"].get("gained", {}).get(label, {})
        for name, number in numbers.items():
            more = f"; challenger less champion {shown(gained[name])}" if name in gained else ""
            lines.append(f"  {label} {name:<12} champion {shown(before[name])}, challenger {shown(number)}{more}")
    return "\n".join(lines)


def _pairs(found: Mapping[str, Any]) -> list[str]:
    refused = found["refused_by"]
    lines = [
        f"  refused by both {refused['both']}, by the champion alone {refused['champion']}, "
        f"by the challenger alone {refused['challenger']}"
    ]
    for label, item in found["findings"].items():
        apart = item["apart"]
        more = f"; probabilities {apart['median']:.3f} apart in the median, {apart['p95']:.3f} in 95%" if apart else ""
        lines.append(
            f"  {label}: same decision {shown(item['same'])}, {item['up']} called by the challenger alone, "
            f"{item['down']} by the champion alone{more}"
        )
    return lines


def _samples(found: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, side in found["sides"].items():
        called = ", ".join(f"{label} called {shown(share)}" for label, share in side["called"].items())
        lines.append(
            f"  {name:<10} {side['requests']} requests, refused {shown(side['refused'])}, "
            f"abstained {shown(side['abstained'])}, {called}"
        )
    return lines


def _paired(index: Index, champion: Pointer, shadow: Challenger, facts: BundleFacts, since: int) -> dict[str, Any]:
    """Compare the two on the requests that both were asked."""
    mine = {row[0]: row for row in _rows(index, SHADOWS, shadow, since)}
    theirs = _rows(index, ANSWERS, champion, since)
    pairs = [(row, mine[row[0]]) for row in theirs if row[0] in mine]
    both = [(old, new) for old, new in pairs if old[3] and new[3]]
    patients = _Asked([old for old, _ in both]).patients
    first, second = (calls([one[6] for one in side], [one[7] for one in side], facts) for side in _sides(both))
    return {
        "requests": len(theirs),
        "pairs": len(pairs),
        "answered": len(both),
        "patients": len(np.unique(patients)),
        "refused_by": {
            "both": sum(not old[3] and not new[3] for old, new in pairs),
            "champion": sum(not old[3] and bool(new[3]) for old, new in pairs),
            "challenger": sum(bool(old[3]) and not new[3] for old, new in pairs),
        },
        "findings": {
            label: _agreement(first[0][:, k], second[0][:, k], first[1][:, k], second[1][:, k], patients)
            for k, label in enumerate(facts.outputs)
        },
        "labelled": _judged_pairs(index, champion, shadow, facts, since),
    }


def _agreement(
    old: FloatArray, new: FloatArray, called: NDArray[np.bool_], recalled: NDArray[np.bool_], patients: NDArray[np.str_]
) -> dict[str, Any]:
    """Return how often two decide alike, with its interval, which way they differ, and how far probabilities lie apart."""
    if not len(old):
        return {"same": as_interval(None, 0), "up": 0, "down": 0, "apart": None}
    same = resampled(averages({"same": (called == recalled).astype(np.float64)}, patients), patients)["same"]
    apart = np.abs(new - old)
    return {
        "same": as_interval(same, len(old)),
        "up": int((~called & recalled).sum()),
        "down": int((called & ~recalled).sum()),
        "apart": {"median": float(np.median(apart)), "p95": float(np.quantile(apart, 0.95)), "largest": float(apart.max())},
    }


def _judged_pairs(index: Index, champion: Pointer, shadow: Challenger, facts: BundleFacts, since: int) -> dict[str, Any]:
    """Return both by the same confirmed labels, and the challenger less the champion, drawn together by patient."""
    old = labels(index, champion.use_case, champion.bundle, facts, since).labelled
    new = labels(index, champion.use_case, champion.bundle, facts, since, shadow=shadow.bundle).labelled
    old = old.chosen(np.isin(old.requests, new.requests))
    new = new.chosen(np.isin(new.requests, old.requests))
    gained = {label: _gained(old, new, k) for k, label in enumerate(facts.outputs)}
    return {"champion": measured(old, facts.outputs), "challenger": measured(new, facts.outputs), "gained": gained}


def _gained(old: Labelled, new: Labelled, k: int) -> dict[str, Any]:
    n = len(old.truths)
    if not n:
        return {name: as_interval(None, 0) for name in METRICS}
    owner, number = owners(old.patients, n)
    cases = [
        presorted(one.scores[:, k], one.truths[:, k], owner, number, one.called[:, k] if one.decided[:, k].all() else None)
        for one in (old, new)
    ]

    def measure(weights: FloatArray) -> Mapping[Name, FloatArray]:
        before, after = (evaluate(each, weights, METRICS) for each in cases)
        return {(None, name): after[name] - before[name] for name in METRICS}

    found = resampled(measure, old.patients)
    return {name: as_interval(found.get(name), n) for name in METRICS}


def _apart(index: Index, champion: Pointer, canary: Challenger, facts: BundleFacts, since: int) -> dict[str, Any]:
    """Return the two samples side by side."""
    theirs, mine = (_Asked(_rows(index, ANSWERS, pointer, since)) for pointer in (champion, canary))
    old, new = (labels(index, one.use_case, one.bundle, facts, since).labelled for one in (champion, canary))
    answered = mine.answered
    return {
        "requests": len(theirs.rows),
        "requests_challenger": len(mine.rows),
        "answered": len(answered.rows),
        "patients": len(np.unique(answered.patients)),
        "sides": {"champion": _side(theirs, facts), "challenger": _side(mine, facts)},
        "labelled": {"champion": measured(old, facts.outputs), "challenger": measured(new, facts.outputs)},
    }


def _side(asked: _Asked, facts: BundleFacts) -> dict[str, Any]:
    """Return how many requests a bundle refused and abstained from, and which share it called, with intervals."""
    answered = asked.answered
    _, called, _ = calls([row[6] for row in answered.rows], [row[7] for row in answered.rows], facts)
    return {
        "requests": len(asked.rows),
        "refused": _share([not row[3] for row in asked.rows], asked.patients),
        "abstained": _share([row[5] is not None for row in answered.rows], answered.patients),
        "called": {label: _share(called[:, k].tolist(), answered.patients) for k, label in enumerate(facts.outputs)},
    }


def _share(found: Sequence[bool], patients: NDArray[np.str_]) -> dict[str, Any]:
    if not len(found):
        return as_interval(None, 0)
    share = resampled(averages({"share": np.array(found, dtype=np.float64)}, patients), patients)["share"]
    return as_interval(share, len(found))


def _rows(index: Index, table: sa.Table, pointer: Pointer, since: int) -> list[Sequence[Any]]:
    mine = (table.c.use_case == pointer.use_case, table.c.bundle == pointer.bundle, table.c.at >= since)
    newest = sa.select(*(table.c[name] for name in _ONE)).where(*mine).order_by(table.c.at.desc(), table.c.request_id.desc())
    return index.rows(newest.limit(MOST))


def _sides(pairs: Sequence[tuple[Sequence[Any], Sequence[Any]]]) -> tuple[list[Sequence[Any]], list[Sequence[Any]]]:
    return [old for old, _ in pairs], [new for _, new in pairs]


def _sentence(challenger: Challenger, champion: Pointer, found: Mapping[str, Any]) -> str:
    """Return what a reviewer reads first."""
    n = found["labelled"]["challenger"]["n"]
    if challenger.mode == "canary":
        return (
            f"As a canary for {challenger.share:.0%} of the requests it was asked {found['requests_challenger']} times beside "
            f"version {champion.version}, which was asked {found['requests']} times; readers confirmed {n} of its answers."
        )
    shares = [item["same"]["value"] for item in found["findings"].values() if item["same"]["value"] is not None]
    alike = f"decided alike in {min(shares):.1%} of them" if shares else "both answered none of them"
    words = alike + (" for the finding on which they differ most" if len(shares) > 1 else "")
    return (
        f"As a shadow of version {champion.version} it was asked {found['pairs']} of {found['requests']} requests and {words}; "
        f"readers confirmed {n} of the answers."
    )
