"""Commands of reviewers: list, show, approve, reject, sync, page, log, report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from radloop.commands.console import Outcome, answering, json_option, say, use_case_argument
from radloop.commands.signing import by_option, key_option, note_option, opened
from radloop.settings import Settings

_version = click.argument("version", type=click.IntRange(min=1))


@click.group()
def review() -> None:
    """Look at judged versions and decide on them.

    Example:  radloop review show phantom-cxr 1
    """


@review.command("list")
@click.argument("use_case", metavar="[UC]", required=False)
@json_option
@answering
def list_versions(use_case: str | None, settings: Settings) -> tuple[dict[str, Any], str]:
    """List every judged version with its verdict, review and alias."""
    from radloop.configuration import load_use_case, use_case_files
    from radloop.governance.decisions import last_decisions
    from radloop.governance.registry import Registry

    names = [load_use_case(use_case, settings).name] if use_case else list(use_case_files(settings))
    decided = last_decisions(settings)
    rows = []
    for name in names:
        registry = Registry(name, settings)
        held = {number: alias for alias, number in registry.aliases().items()}
        rows += [
            {
                "use_case": name,
                "version": item.version,
                "verdict": item.verdict,
                "review": item.review,
                **_standing(decided.get((name, item.version))),
                "alias": held.get(item.version),
                "bundle": item.bundle,
            }
            for item in registry.versions()
        ]
    lines = [_listed(row) for row in rows]
    return {"versions": rows}, "\n".join(lines) or "no version was judged yet; run `radloop retrain UC`"


def _listed(row: dict[str, Any]) -> str:
    alias = f" [{row['alias']}]" if row["alias"] else ""
    return f"{row['use_case']} {row['version']}: {row['verdict']}, {_stands(row)}{alias}"


def _standing(decision: dict[str, Any] | None) -> dict[str, Any]:
    """Return what was decided last, by whom, and whether a key stands for the name; the tag beside it is only a request."""
    found = decision or {}
    return {
        "decision": found.get("decision"),
        "by": found.get("by"),
        "verified": bool(found.get("verified")) if decision else None,
    }


def _stands(row: dict[str, Any]) -> str:
    from radloop.governance.decisions import unverified

    asked = f" (MLflow says `{row['review']}`)" if row["review"] else ""
    if row["decision"] is None:
        return f"awaits review{asked}"
    return f"{row['decision']} by {unverified(row)}" + ("" if str(row["review"]).startswith(row["decision"]) else asked)


@review.command()
@use_case_argument
@_version
@json_option
@answering
def show(use_case: str, version: int, settings: Settings) -> tuple[dict[str, Any], str]:
    """Show a version's verdict with every reason."""
    from radloop.configuration import load_use_case
    from radloop.governance.decisions import last_decision
    from radloop.governance.registry import Registry
    from radloop.governance.review import bundle_folder, read_evidence, verdict_of

    load_use_case(use_case, settings)
    item = Registry(use_case, settings).version(version)
    evidence = read_evidence(item, settings)
    verdict = verdict_of(evidence)
    page = bundle_folder(item, settings) / "report.html"
    standing = {"review": item.review, **_standing(last_decision(settings, use_case, version))}
    lines = [f"{use_case} version {version}: {verdict.verdict}, {_stands(standing)}"]
    lines += [f"  {reason.status:<14} {reason.rule}: {reason.sentence}" for reason in verdict.reasons]
    document = {
        "use_case": use_case,
        "version": version,
        **standing,
        **verdict.as_dict(),
        "evidence": evidence,
        "report": str(page),
    }
    return document, "\n".join([*lines, f"report: {page}"])


@review.command()
@use_case_argument
@_version
@by_option
@note_option
@key_option
@json_option
@answering
def approve(use_case: str, version: int, by: str, note: str, key: Path | None, settings: Settings) -> tuple[dict[str, Any], str]:
    """Approve a version that passed the gate; the approval binds the digests of bundle and evidence.

    Example:  radloop review approve phantom-cxr 1 --by 'Dr. A. Reader' --note 'read the report'
    """
    return _decided(use_case, version, "approve", by, note, key, settings)


@review.command()
@use_case_argument
@_version
@by_option
@note_option
@key_option
@json_option
@answering
def reject(use_case: str, version: int, by: str, note: str, key: Path | None, settings: Settings) -> tuple[dict[str, Any], str]:
    """Reject a version: it is no candidate any more, and cannot be deployed."""
    return _decided(use_case, version, "reject", by, note, key, settings)


def _decided(
    use_case: str, version: int, decision: Any, by: str, note: str, key: Path | None, settings: Settings
) -> tuple[dict[str, Any], str]:
    from radloop.configuration import load_use_case
    from radloop.governance.decisions import unverified
    from radloop.governance.review import decide_on

    load_use_case(use_case, settings)
    document = decide_on(use_case, version, decision, by, note, settings, opened(key))
    end = f"; next: radloop deploy {use_case}" if decision == "approve" else ""
    return document, f"{use_case} version {version}: {decision} by {unverified(document)} recorded{end}"


@review.command()
@click.argument("use_case", metavar="[UC]", required=False)
@json_option
@answering
def sync(use_case: str | None, settings: Settings) -> tuple[dict[str, Any], str]:
    """Turn what was asked for in MLflow (the tag radloop.review) into decisions; `radloop up` does so all the time.

    Example:  radloop review sync phantom-cxr
    """
    from radloop.configuration import load_use_case
    from radloop.governance.requests import sync as deal_with

    if use_case is not None:
        load_use_case(use_case, settings)
    found = deal_with(settings, use_case)
    lines = [f"{one.use_case} {one.version}: `{one.request}` {one.outcome}: {one.message}" for one in found]
    return {"requests": [one.as_dict() for one in found]}, "\n".join(lines) or "nobody asks for a decision in MLflow"


@review.command()
@click.option("--host", help="Address to listen on; loopback by default (RADLOOP_REVIEW_HOST).")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on; 3100 by default (RADLOOP_REVIEW_PORT).")
def page(host: str | None, port: int | None) -> None:
    """Serve the page on which decisions are signed, and follow what is asked for in MLflow; ends with Ctrl-C.

    Example:  radloop review page
    """
    from radloop.governance.confirmation import serve_page
    from radloop.governance.watching import Watcher

    given = {name: value for name, value in (("review_host", host), ("review_port", port)) if value is not None}
    settings = Settings(**given)  # type: ignore[arg-type]
    os.environ.update(settings.environment())
    say(f"decisions are signed on {settings.review_address}")
    with Watcher(settings, _deploy_as_flow, say):
        serve_page(settings)


def _deploy_as_flow(use_case: str, version: int, settings: Settings) -> None:
    """Run the flow `deploy` in a process of its own: what it loads is gone when it ends."""
    command = [sys.executable, "-m", "radloop", "deploy", use_case, str(version), "--flow"]
    subprocess.run(command, env=os.environ | settings.environment(), stdout=sys.stderr, check=False)  # noqa: S603


@review.command()
@click.argument("use_case", metavar="[UC]", required=False)
@json_option
@answering
def log(use_case: str | None, settings: Settings) -> tuple[dict[str, Any], str]:
    """Print the record of decisions, its chain and signatures verified."""
    from radloop.governance.decisions import decisions

    rows = list(decisions(settings, use_case))
    lines = [_logged(row) for row in rows]
    return {"decisions": rows, "verified": True}, "\n".join([*lines, f"{len(rows)} entries, chain and signatures verified"])


def _logged(row: dict[str, Any]) -> str:
    from radloop.governance.decisions import unverified

    if "reviewer" in row:
        return f"{row['time']} {row['decision']}: {row['reviewer']['name']}, {row['reviewer']['key'][:19]}"
    who = f" by {unverified(row)}: {row['note']}" if "by" in row else ""
    return f"{row['time']} {row['use_case']} {row['version']}: {row['decision']}{who}"


@click.command()
@use_case_argument
@click.argument("version", type=click.IntRange(min=1), required=False)
@json_option
@answering
def report(use_case: str, version: int | None, settings: Settings) -> tuple[dict[str, Any], str]:
    """Write the evidence of a version as a page with figures, and say where it is.

    Example:  radloop report phantom-cxr
    """
    from radloop.configuration import load_use_case
    from radloop.errors import Refusal
    from radloop.governance.registry import Registry
    from radloop.governance.reporting import write_report

    load_use_case(use_case, settings)
    registry = Registry(use_case, settings)
    versions = registry.versions()
    if not versions:
        raise Refusal("no_version", f"{use_case} has no judged version", f"run `radloop retrain {use_case}`")
    item = registry.version(version) if version else versions[0]
    page = write_report(item, settings)
    return {
        "use_case": use_case,
        "version": item.version,
        "verdict": json.loads((page.parent / "verdict.json").read_bytes())["verdict"],
        "report": str(page),
    }, str(page)


@click.command()
@click.argument("name", metavar="UC@VERSION|REQUEST_ID")
@json_option
@answering
def trace(name: str, settings: Settings) -> tuple[dict[str, Any], str]:
    """Walk from a model or an answer back to the bytes of its training data, every link checked: UC@champion, UC@7, REQUEST_ID.

    Example:  radloop trace phantom-cxr@champion
    """
    from radloop.commands.models import named_model
    from radloop.commands.replay import answer_link, find_request, model_of
    from radloop.governance.trace import trace as walk

    kept = None if "@" in name else find_request(name, settings)
    found = walk(named_model(model_of(kept) if kept else name, settings), settings)
    if kept:
        found = replace(found, links=(answer_link(kept, found), *found.links))
    marks = {True: "ok  ", False: "NO  ", None: "    "}
    lines = [f"{found.use_case} version {found.version}: {'every link holds' if found.intact else 'a link is broken'}"]
    lines += [f"  {marks[link.intact]}{link.name}: {link.says}" for link in found.links]
    if found.training:
        lines += [f"      {split}: {n['images']} images of {n['patients']} patients" for split, n in found.training.items()]
    if not found.intact:
        raise Outcome(found.as_dict(), "\n".join(lines), 3)
    return found.as_dict(), "\n".join(lines)
