"""Commands of reviewers: list, show, approve, reject, log, report."""

from __future__ import annotations

import json
from typing import Any

import click

from radloop.commands.console import answering, json_option, use_case_argument
from radloop.settings import Settings

_by = click.option("--by", required=True, metavar="NAME", help="Who decides: a person.")
_note = click.option("--note", required=True, metavar="TEXT", help="Why; it is kept with the decision.")
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
    from radloop.governance.registry import Registry

    names = [load_use_case(use_case, settings).name] if use_case else list(use_case_files(settings))
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
                "alias": held.get(item.version),
                "bundle": item.bundle,
            }
            for item in registry.versions()
        ]
    lines = [_listed(row) for row in rows]
    return {"versions": rows}, "\n".join(lines) or "no version was judged yet; run `radloop retrain UC`"


def _listed(row: dict[str, Any]) -> str:
    alias = f" [{row['alias']}]" if row["alias"] else ""
    return f"{row['use_case']} {row['version']}: {row['verdict']}, {row['review'] or 'awaits review'}{alias}"


@review.command()
@use_case_argument
@_version
@json_option
@answering
def show(use_case: str, version: int, settings: Settings) -> tuple[dict[str, Any], str]:
    """Show a version's verdict with every reason."""
    from radloop.configuration import load_use_case
    from radloop.governance.registry import Registry
    from radloop.governance.review import bundle_folder, read_evidence, verdict_of

    load_use_case(use_case, settings)
    item = Registry(use_case, settings).version(version)
    evidence = read_evidence(item, settings)
    verdict = verdict_of(evidence)
    page = bundle_folder(item, settings) / "report.html"
    lines = [f"{use_case} version {version}: {verdict.verdict}, {item.review or 'awaits review'}"]
    lines += [f"  {reason.status:<14} {reason.rule}: {reason.sentence}" for reason in verdict.reasons]
    document = {
        "use_case": use_case,
        "version": version,
        "review": item.review,
        **verdict.as_dict(),
        "evidence": evidence,
        "report": str(page),
    }
    return document, "\n".join([*lines, f"report: {page}"])


@review.command()
@use_case_argument
@_version
@_by
@_note
@json_option
@answering
def approve(use_case: str, version: int, by: str, note: str, settings: Settings) -> tuple[dict[str, Any], str]:
    """Approve a version that passed the gate; the approval binds the digests of bundle and evidence.

    Example:  radloop review approve phantom-cxr 1 --by 'Dr. A. Reader' --note 'read the report'
    """
    return _decided(use_case, version, "approve", by, note, settings)


@review.command()
@use_case_argument
@_version
@_by
@_note
@json_option
@answering
def reject(use_case: str, version: int, by: str, note: str, settings: Settings) -> tuple[dict[str, Any], str]:
    """Reject a version: it is no candidate any more, and cannot be deployed."""
    return _decided(use_case, version, "reject", by, note, settings)


def _decided(use_case: str, version: int, decision: Any, by: str, note: str, settings: Settings) -> tuple[dict[str, Any], str]:
    from radloop.configuration import load_use_case
    from radloop.governance.review import decide_on

    load_use_case(use_case, settings)
    document = decide_on(use_case, version, decision, by, note, settings)
    end = f"; next: radloop deploy {use_case}" if decision == "approve" else ""
    return document, f"{use_case} version {version}: {decision} by {document['by']} recorded{end}"


@review.command()
@click.argument("use_case", metavar="[UC]", required=False)
@json_option
@answering
def log(use_case: str | None, settings: Settings) -> tuple[dict[str, Any], str]:
    """Print the record of decisions, its chain verified."""
    from radloop.governance.review import decisions

    rows = list(decisions(settings, use_case))
    lines = [_logged(row) for row in rows]
    return {"decisions": rows, "verified": True}, "\n".join([*lines, f"{len(rows)} entries, chain verified"])


def _logged(row: dict[str, Any]) -> str:
    who = f" by {row['by']}: {row['note']}" if "by" in row else ""
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
