"""Review: a named person's decision on a verdict that passed, bound to the digests of what was seen."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from radloop.errors import InputError, IntegrityError, Refusal
from radloop.governance.decisions import append, checked_reviewers, decisions, last_decision, unverified
from radloop.governance.gate import Verdict, decide
from radloop.governance.key_file import OpenKey
from radloop.governance.keys import as_recorded, now, signed, signer
from radloop.governance.registry import Registry, Version
from radloop.inference.bundle import APPROVAL, SIGNATURE
from radloop.inference.challenger import read_challenger, remove_challenger
from radloop.inference.pointer import read_pointer
from radloop.inference.reviewers import Reviewer
from radloop.inference.verification import verify_bundle
from radloop.records.seal import canonical, read_sealed, write_atomic
from radloop.settings import Settings
from radloop.use_case import BESIDE_CHAMPION, Policy

Decision = Literal["approve", "reject"]
AUTHOR = "radloop.author"
"""The tag that says who started the run."""


def bundle_folder(version: Version, settings: Settings) -> Path:
    """Return the folder that holds a version's bundle, evidence and approval."""
    return settings.bundles / version.use_case / version.bundle.removeprefix("sha256:")


def is_served(version: Version, settings: Settings) -> bool:
    """Tell whether a version is what is served, or would be if a service ran."""
    pointer = read_pointer(settings.bundles, version.use_case)
    return pointer is not None and pointer.version == version.version


def read_evidence(version: Version, settings: Settings) -> dict[str, Any]:
    """Return a version's evidence, checked against its seal and against the version's tag.

    Raises:
        IntegrityError: missing, edited, or not the one that was registered.
    """
    evidence = read_sealed(bundle_folder(version, settings) / "evidence.json", "evidence")
    if evidence["seal"] != version.evidence:
        raise IntegrityError(
            "tampered_evidence", "evidence: not the one that was registered with this version", "restore it from MLflow"
        )
    return evidence


def verdict_of(evidence: dict[str, Any]) -> Verdict:
    """Return what the gate says of evidence, by the policy that the evidence carries.

    A tag can be edited by anyone; the gate is pure, so it is asked again.
    """
    try:
        policy = Policy.model_validate_json(json.dumps(evidence["policy"]))
    except (KeyError, ValidationError) as error:
        raise IntegrityError("tampered_evidence", "evidence: it holds no readable policy", "retrain") from error
    return decide(evidence, policy)


def decide_on(
    use_case: str, number: int, decision: Decision, by: str, note: str, settings: Settings, key: OpenKey | None = None
) -> dict[str, Any]:
    """Record a person's decision on a version and return it.

    Args:
        use_case: its name.
        number: the version.
        decision: what was decided.
        by: who decided; with a key it may be empty.
        note: why.
        settings: of the installation.
        key: what signs the decision where keys are on.

    Raises:
        InputError: no such version, no name or no note, or the name is not the key's.
        Refusal: approving what the gate rejected, what was judged beside another champion, or one's own run; an unsigned
            decision, or one with a key that is not listed.
        IntegrityError: bundle, evidence, addenda, record or key list are not what they were.
    """
    if not note.strip() or not (by.strip() or key):
        raise InputError("decision_incomplete", "a decision needs a name and a note", "give --by NAME --note TEXT")
    registry = Registry(use_case, settings)
    version = registry.version(number)
    name, reviewer = signer(by, key, settings)
    document = _decision(version, decision, settings, (name, reviewer))
    sealed, signature = signed({**document, "by": name, "note": note.strip(), "time": now()}, key)
    _keep_beside(bundle_folder(version, settings), sealed, signature)
    append(settings, as_recorded(sealed, signature))
    registry.tag(number, {"radloop.review": request_of(sealed), "radloop.review_by": unverified(sealed)})
    registry.untag(number, "radloop.review_pending")
    if decision == "reject":
        _withdraw(version, registry, settings)
    show_anew(version, registry, settings)
    return sealed


def _withdraw(version: Version, registry: Registry, settings: Settings) -> None:
    """Take a rejected version out of every place from which it could answer but the champion's, which only a rollback empties."""
    if registry.aliases().get("candidate") == version.version:
        registry.point("candidate", None)
    challenger = read_challenger(settings.bundles, version.use_case)
    if challenger is not None and challenger.version == version.version:
        remove_challenger(settings.bundles, version.use_case)


def show_anew(version: Version, registry: Registry, settings: Settings) -> None:
    """Write decision and addenda into report, facts and the version's page, and keep copies in MLflow beside the evidence."""
    from radloop.governance.reporting import MODEL_FACTS, described, write_report  # it asks this file for the verdict

    page = write_report(version, settings)
    registry.describe(version.version, described(version, settings))
    with tempfile.TemporaryDirectory() as temporary:
        for path in (page, page.parent / MODEL_FACTS, page.parent / APPROVAL, page.parent / SIGNATURE):
            if path.is_file():
                shutil.copy(path, temporary)
        registry.attach(version.run_id, Path(temporary), {})


def request_of(decision: Mapping[str, Any]) -> str:
    """Return a decision as the tag `radloop.review` says it, which is how a person asks for one in MLflow."""
    return f"{decision['decision']}: {decision['note']}"


def _keep_beside(folder: Path, sealed: dict[str, Any], signature: str | None) -> None:
    """Write an approval beside its bundle, or take it away; a crash in between leaves none that holds."""
    if signature is not None and sealed["decision"] == "approve":
        write_atomic(folder / SIGNATURE, f"{signature}\n".encode())
    else:
        (folder / SIGNATURE).unlink(missing_ok=True)
    if sealed["decision"] == "approve":
        write_atomic(folder / APPROVAL, canonical(sealed))
    else:
        (folder / APPROVAL).unlink(missing_ok=True)


def _decision(version: Version, decision: Decision, settings: Settings, person: tuple[str, Reviewer | None]) -> dict[str, Any]:
    """Return what is decided on, refusing an approval that may not be.

    A rejection names the addenda by the record alone: one that was edited must not keep a bundle from being refused.
    """
    from radloop.governance.addenda import read_addenda, recorded_seals  # it asks this file where a bundle lies

    folder = bundle_folder(version, settings)
    evidence = read_evidence(version, settings)
    addenda = recorded_seals(version, settings)
    if decision == "approve":
        verify_bundle(folder)
        read_addenda(version, settings)
        verdict = verdict_of(evidence)
        if not verdict.passed:
            failed = ", ".join(reason.rule for reason in verdict.reasons if reason.status not in ("passed", "not_applicable"))
            raise Refusal(
                "gate_rejected",
                f"{version.use_case} version {version.version} was rejected by the gate: {failed}",
                f"read `radloop report {version.use_case} {version.version}`; a rejected version cannot be approved",
            )
        check_compared(version, evidence, settings)
        if needs_four_eyes(evidence):
            _check_four_eyes(version, *person)
    return {
        "schema_version": 1,
        "use_case": version.use_case,
        "version": version.version,
        "bundle": version.bundle,
        "evidence": version.evidence,
        "verdict": version.verdict,
        "decision": decision,
        # Absent where there are none: a service from before there were addenda still reads the approval.
        **({"addenda": addenda} if addenda else {}),
    }


def needs_four_eyes(evidence: Mapping[str, Any]) -> bool:
    """Tell whether the author of a run may not approve it, as it stood when the bundle was judged."""
    facts = evidence["use_case"]
    return bool(facts.get("config", {}).get("review", {"four_eyes": not facts.get("synthetic")})["four_eyes"])


def check_compared(version: Version, evidence: Mapping[str, Any], settings: Settings) -> None:
    """Check that a version was judged beside the champion that it would replace, where its policy asks for that.

    A version that was served before may come back: it was compared when it first came.

    Raises:
        Refusal: `champion_changed`: another champion, or the first, was deployed since it was judged.
    """
    champion = read_pointer(settings.bundles, version.use_case)
    asked = any(rule["kind"] in BESIDE_CHAMPION for rule in evidence["policy"]["rules"])
    if champion is None or not asked or (evidence.get("changes") or {}).get("since") == champion.version:
        return
    served = {item["version"] for item in decisions(settings, version.use_case) if item["decision"] == "deploy"}
    if version.version in served | {champion.version}:
        return
    raise Refusal(
        "champion_changed",
        f"{version.use_case} version {version.version} was not judged beside version {champion.version}, the champion now",
        f"run `radloop retrain {version.use_case}` to judge it beside the champion",
    )


def _check_four_eyes(version: Version, by: str, reviewer: Reviewer | None) -> None:
    author = version.tags.get(AUTHOR)
    what = f"{version.use_case} version {version.version}"
    if author is None:
        raise Refusal("author_unknown", f"{what}: nobody wrote down who started the run", "retrain, with RADLOOP_USER set")
    names = {by.casefold(), ((reviewer and reviewer.account) or by).casefold()}
    if author.casefold() in names:
        raise Refusal("own_run", f"{what} was started by {author}, who cannot approve it", "ask another reviewer")


def check_recorded(folder: Path, settings: Settings) -> None:
    """Check that the approval beside a bundle, with its signature where there is one, is the last decision on its version.

    Raises:
        IntegrityError: the record does not hold it, or a later decision; or the key list is not the record's.
    """
    path = folder / SIGNATURE
    signature = path.read_text(encoding="ascii", errors="replace").removesuffix("\n") if path.is_file() else None
    approval = read_sealed(folder / APPROVAL, "approval")
    checked_reviewers(settings)
    if last_decision(settings, approval["use_case"], approval["version"]) != as_recorded(approval, signature):
        raise IntegrityError(
            "tampered_approval", "approval: it is not the decision that the record holds", "approve the version again"
        )
