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
    from radloop.governance.addenda import addenda_counts
    from radloop.governance.decisions import last_decisions
    from radloop.governance.registry import Registry

    names = [load_use_case(use_case, settings).name] if use_case else list(use_case_files(settings))
    decided, addenda = last_decisions(settings), addenda_counts(settings)
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
                "addenda": addenda[item.evidence],
            }
            for item in registry.versions()
        ]
    lines = [_listed(row) for row in rows]
    return {"versions": rows}, "\n".join(lines) or "no version was judged yet; run `radloop retrain UC`"


def _listed(row: dict[str, Any]) -> str:
    alias = f" [{row['alias']}]" if row["alias"] else ""
    more = f", addenda {row['addenda']}" if row["addenda"] else ""
    return f"{row['use_case']} {row['version']}: {row['verdict']} by the gate, {_stands(row, row['verdict'])}{more}{alias}"


def _standing(decision: dict[str, Any] | None) -> dict[str, Any]:
    """Return what was decided last, by whom, and whether a key stands for the name; the tag beside it is only a request."""
    found = decision or {}
    return {
        "decision": found.get("decision"),
        "by": found.get("by"),
        "verified": bool(found.get("verified")) if decision else None,
    }


def _stands(row: dict[str, Any], verdict: str) -> str:
    from radloop.governance.decisions import unverified

    asked = f" (MLflow says `{row['review']}`)" if row["review"] else ""
    if row["decision"] is None:
        return f"cannot be approved{asked}" if verdict == "rejected" else f"awaits review{asked}"
    return f"{row['decision']} by {unverified(row)}" + ("" if str(row["review"]).startswith(row["decision"]) else asked)


@review.command()
@use_case_argument
@_version
@json_option
@answering
def show(use_case: str, version: int, settings: Settings) -> tuple[dict[str, Any], str]:
    """Show a version's verdict with every reason, and its addenda."""
    from radloop.configuration import load_use_case
    from radloop.governance.addenda import added_since, read_addenda
    from radloop.governance.decisions import last_decision
    from radloop.governance.registry import Registry
    from radloop.governance.review import bundle_folder, is_served, read_evidence, verdict_of

    load_use_case(use_case, settings)
    item = Registry(use_case, settings).version(version)
    evidence = read_evidence(item, settings)
    verdict = verdict_of(evidence)
    page = bundle_folder(item, settings) / "report.html"
    last = last_decision(settings, use_case, version)
    addenda, since = read_addenda(item, settings), added_since(item, last, settings)
    standing = {"review": item.review, **_standing(last)}
    served = is_served(item, settings)
    lines = [f"{use_case} version {version}: {verdict.verdict}, {_stands(standing, verdict.verdict)}"]
    if served and last is not None and last["decision"] == "reject":
        lines.append(f"  {_withdrawn(use_case, settings)}")
    lines += [f"  {reason.status:<14} {reason.rule}: {reason.sentence}" for reason in verdict.reasons]
    document = {
        "use_case": use_case,
        "version": version,
        **standing,
        **verdict.as_dict(),
        "evidence": evidence,
        "served": served,
        "addenda": addenda,
        "addenda_since": [one["seal"] for one in since],
        "report": str(page),
    }
    lines += [_addendum(one, last is not None and one not in since) for one in addenda]
    return document, "\n".join([*lines, f"report: {page}"])


def _addendum(addendum: dict[str, Any], decided: bool) -> str:
    from radloop.governance.absolute import failed
    from radloop.stages import headline

    over = "the decision was made over it" if decided else "nobody decided over it"
    if "says" in addendum:
        return f"  addendum {addendum['number']}, {addendum['name']}: {addendum['says']} ({over})"
    said = f"{headline(addendum['metrics'])} on {addendum['counts']['judged']} images"
    rules = f"would not pass: {', '.join(failed(addendum))}" if failed(addendum) else "every rule that applies would pass"
    return f"  addendum {addendum['number']}, {addendum['name']}: {said}; {rules}; {over}"


def _withdrawn(use_case: str, settings: Settings) -> str:
    """Return what has to be done where a rejected version is served."""
    from radloop.governance.keys import who_decides

    who = who_decides(settings)
    return (
        f"it is still served: run `radloop rollback {use_case} {who} --note TEXT`, or deploy another approved version; a "
        "service that starts anew refuses it"
    )


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
    from radloop.governance.registry import Registry
    from radloop.governance.review import decide_on, is_served

    load_use_case(use_case, settings)
    document = decide_on(use_case, version, decision, by, note, settings, opened(key))
    item = Registry(use_case, settings).version(version)
    end = f"; next: radloop deploy {use_case}" if decision == "approve" else ""
    if decision == "reject" and is_served(item, settings):
        say(_withdrawn(use_case, settings))
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
    share = f" for {row['share']:.0%} of the requests" if "share" in row else ""
    return f"{row['time']} {row['use_case']} {row['version']}: {row['decision']}{share}{who}"


@click.command()
@use_case_argument
@click.argument("version", type=click.IntRange(min=1), required=False)
@click.option("--pdf", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it as PDF too.")
@json_option
@answering
def report(use_case: str, version: int | None, pdf: Path | None, settings: Settings) -> tuple[dict[str, Any], str]:
    """Write the evidence of a version as a page with figures, and say where it is; the model facts lie beside it.

    Example:  radloop report phantom-cxr 3 --pdf report.pdf
    """
    from radloop.configuration import load_use_case
    from radloop.errors import InputError, Refusal
    from radloop.governance.registry import Registry
    from radloop.governance.reporting import MODEL_FACTS, report_pdf, write_report
    from radloop.records.seal import write_atomic

    load_use_case(use_case, settings)
    if pdf is not None and not pdf.parent.is_dir():
        raise InputError("folder_missing", "the folder of --pdf does not exist", "make it first, or name another file")
    registry = Registry(use_case, settings)
    versions = registry.versions()
    if not versions:
        raise Refusal("no_version", f"{use_case} has no judged version", f"run `radloop retrain {use_case}`")
    item = registry.version(version) if version else versions[0]
    page = write_report(item, settings)
    document = {
        "use_case": use_case,
        "version": item.version,
        "verdict": json.loads((page.parent / "verdict.json").read_bytes())["verdict"],
        "report": str(page),
        "model_facts": str(page.parent / MODEL_FACTS),
    }
    if pdf is not None:
        write_atomic(pdf.resolve(), report_pdf(item, settings))
        document["pdf"] = str(pdf)
    return document, "\n".join([str(page), *([str(pdf)] if pdf is not None else [])])


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
    from radloop.configuration import use_case_files
    from radloop.governance.trace import trace as walk

    kept = None if "@" in name or name in use_case_files(settings) else find_request(name, settings)
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
