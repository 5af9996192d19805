"""`radloop monitor`: the index brought up to date, new looks taken, performance worked out, people told."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radloop.configuration import load_use_case
from radloop.inference.bundle import CONTENT, read_facts
from radloop.inference.pointer import read_pointer
from radloop.monitoring import served, triggers
from radloop.monitoring.index import Index
from radloop.monitoring.looks import served as check_served
from radloop.monitoring.looks import take_looks
from radloop.monitoring.metrics import write_metrics
from radloop.monitoring.notify import notify, sentence
from radloop.monitoring.operations import operations_file, write_operations
from radloop.monitoring.performance import live, shown, without_labels
from radloop.monitoring.truths import labels
from radloop.records.alarms import looks
from radloop.records.runs import locked
from radloop.settings import Settings


def monitor(
    use_case: str, settings: Settings, since: int = 0, request_retrain: bool = False, page: Path | None = None
) -> dict[str, Any]:
    """Watch what a use case serves.

    Looks are taken of all that is new, whatever `since` says; it limits what is counted and judged by labels.

    Args:
        use_case: its name.
        settings: of the installation.
        since: milliseconds since 1970.
        request_retrain: ask for a retrain where the last look alarms; `monitoring.retrain.reasons: [alarm]` asks by itself
            where a new one does.
        page: where the operations page goes; by default in the home.

    Returns:
        `use_case`, `version`, `bundle`, `alarm`, `served`, `weeks`, `groups`, `drift`, `live`, `expected`, `sent`, `page`,
        `retrain`, `seconds`: what the command prints as JSON; see docs/monitoring.md.

    Raises:
        Refusal: `no_champion`, or `busy`: another process watches it.
        IntegrityError: a record or the bundle was edited.
    """
    begun = time.perf_counter()
    watched = load_use_case(use_case, settings)
    policy = watched.monitoring
    pointer = check_served(read_pointer(settings.bundles, use_case), use_case)
    facts = read_facts(pointer.folder(settings.bundles) / CONTENT)
    with locked(settings.place / "monitoring" / use_case, "being monitored"), Index(settings) as index:
        refreshed = index.refresh()
        new = take_looks(pointer, policy, index, settings)
        which = served.of(use_case, pointer.bundle, since)
        counted = served.tallies(index, served.of(use_case, None, since))
        own = [one for one in counted if one.bundle == pointer.bundle]
        document: dict[str, Any] = {
            "use_case": use_case,
            "version": pointer.version,
            "bundle": pointer.bundle,
            "served": served.totals(own),
            "weeks": served.weeks(own),
            "groups": served.groups(own),
            "live": live(labels(index, use_case, pointer.bundle, facts, since), facts),
            "expected": without_labels(index, which, facts),
            "indexed": refreshed.rows,
        }
        every = looks(settings, use_case, pointer.bundle)
        alarms = [item for item in every if item["alarm"] and not item["continues"]]
        last = every[-1] if every else None
        document["drift"] = {
            "window": policy.window,
            "false_alarms": policy.false_alarms,
            "looks": len(every),
            "new": new,
            "last": last,
            "alarms": alarms,
            "false_alarms_expected": sum(item["false_alarms"] for item in every),
        }
        document["alarm"] = bool(any(item["alarm"] for item in new) or (last is not None and last["alarm"]))
        # Asked before anybody is told: who starts on the telling finds the request.
        asking = [item for item in new if item["alarm"]] if "alarm" in policy.retrain.reasons else []
        if request_retrain and last is not None and last["alarm"]:
            asking = [last]
        asked = bool(asking) and triggers.ask(use_case, asking[-1], settings)
        document["retrain"] = {"asked": asked, "open": triggers.is_asked(use_case, settings)}
        document["sent"] = notify(settings, use_case)
        write_metrics(document, time.time(), settings)
        path = page or operations_file(use_case, settings)
        document["page"] = str(write_operations(watched, document, counted, index, settings, path, since))
    return document | {"seconds": round(time.perf_counter() - begun, 3)}


def told(document: Mapping[str, Any]) -> str:
    """Return what people read on a terminal."""
    counts, drift = document["served"], document["drift"]
    codes = ", ".join(f"{number} {code}" for code, number in counts["codes"].items())
    lines = [
        f"{document['use_case']} version {document['version']}: {'ALARM' if document['alarm'] else 'quiet'}",
        f"  requests {counts['requests']}: {counts['answered']} answered, {counts['abstained']} of them abstained, "
        f"{counts['refused']} refused" + (f" ({codes})" if codes else ""),
    ]
    lines += [
        f"  week of {week['monday']}  {week['requests']:>8} requests  {week['refused']:>6} refused"
        for week in document["weeks"][-8:]
    ]
    lines.append(
        f"  looks {drift['looks']}, {len(drift['new'])} of them new, one at each {drift['window']} requests; by chance alone "
        f"at most {drift['false_alarms_expected']:.2g} alarms were to be expected of them"
    )
    lines += [f"  alarm: {sentence(item)}" for item in drift["alarms"][-5:]]
    if drift["last"]:
        lines += [f"  newest look, up to {drift['last']['requests']['to'][:16]}:"]
        lines += [f"    {_signal(item)}" for item in drift["last"]["signals"]]
    if document["retrain"]["open"]:
        lines.append("  a retrain is asked for")
    lines += _performance(document["live"], document["expected"])
    lines.append(f"  page: {document['page']}")
    return "\n".join(lines)


def _signal(item: Mapping[str, Any]) -> str:
    if item["p"] is None:
        return f"{item['signal']:<10} unknown: {item['says']}"
    return f"{item['signal']:<10} p {item['p']:<8.2g} {'ALARM' if item['alarm'] else 'quiet'}  {item['says']}"


def _performance(live: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    lines = [f"  labels {live['labels']}: {live['used']} used, {live['contradicted']} contradicted"]
    stated = live["coverage_stated"]
    if stated is not None:
        lines.append(f"    {'coverage':<12} {shown(live['overall']['coverage'])}, stated {stated:g}")
    for label, numbers in live["overall"]["findings"].items():
        lines += [f"    {label} {name:<12} {shown(numbers[name])}" for name in ("sensitivity", "specificity", "brier", "ece")]
    for name, groups in live["subgroups"].items():
        for word, found in groups.items():
            for label, numbers in found["findings"].items():
                pair = ", ".join(f"{metric} {shown(numbers[metric])}" for metric in ("sensitivity", "specificity"))
                lines.append(f"    {name} {word}, {label}: {pair}")
    for label, numbers in expected["findings"].items():
        known = ", ".join(f"{name} {'unknown' if value is None else f'{value:.3f}'}" for name, value in numbers.items())
        lines.append(f"  without labels, of {expected['n']} answers, {label}: {known}")
    return [*lines, f"    {expected['assumes']}"]
