"""The record of decisions: who decided what, when and why, and which keys could sign at that time.

It is append-only and hash-chained. Listing and revoking a key stand in it too, so that every signature is checked with
the keys of its moment: what a key signed before it was revoked stays valid, and the key list can be made anew from here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from radloop.errors import IntegrityError
from radloop.inference.reviewers import Reviewer, Reviewers, read_reviewers
from radloop.inference.signature import is_signed
from radloop.records import chain
from radloop.records.seal import canonical
from radloop.settings import Settings

LISTED, REVOKED = "key listed", "key revoked"
_BY_PERSONS = ("approve", "reject", "rollback")


def decisions_file(settings: Settings) -> Path:
    """Return the append-only record of decisions."""
    return settings.place / "records" / "decisions.jsonl"


def append(settings: Settings, payload: Mapping[str, Any]) -> None:
    """Append to the record; it is durable when this returns."""
    chain.append(decisions_file(settings), payload)


def decisions(settings: Settings, use_case: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield recorded decisions in order, of one use case or all and then the keys' too; chain and signatures verified.

    Raises:
        IntegrityError: the record was edited, or a decision is not signed by a key that was listed at that time.
    """
    for payload, _ in _replayed(settings):
        if use_case is None or payload.get("use_case") == use_case:
            yield payload


def last_decisions(settings: Settings) -> dict[tuple[str, int], dict[str, Any]]:
    """Return the last approval or rejection of every version that has one, by use case and version."""
    mine = (one for one in decisions(settings) if one["decision"] in ("approve", "reject"))
    return {(one["use_case"], one["version"]): one for one in mine}


def last_decision(settings: Settings, use_case: str, version: int) -> dict[str, Any] | None:
    """Return the last approval or rejection of a version, None where nobody has decided."""
    return last_decisions(settings).get((use_case, version))


def recorded_reviewers(settings: Settings) -> Reviewers | None:
    """Return the key list as the record has it, None where no key was ever listed.

    Raises:
        IntegrityError: as `decisions`.
    """
    last = deque(_replayed(settings), maxlen=1)
    keys = last[0][1] if last else {}
    return Reviewers(reviewers=tuple(keys.values())) if keys else None


def checked_reviewers(settings: Settings) -> Reviewers | None:
    """Return the key list, which must be the one that the record has; None where keys are off.

    Raises:
        IntegrityError: `missing_reviewers` or `tampered_reviewers`; or as `decisions`.
    """
    listed, recorded = read_reviewers(settings.bundles), recorded_reviewers(settings)
    if listed == recorded:
        return listed
    how, words = ("missing", "is missing") if listed is None else ("tampered", "is not what the record of decisions has")
    raise IntegrityError(
        f"{how}_reviewers", f"key list: reviewers.json {words}", "`radloop keys restore` writes it anew from the record"
    )


def unverified(decision: Mapping[str, Any]) -> str:
    """Return who decided; a name that no key stands for says so."""
    return str(decision["by"]) if decision.get("verified") else f"{decision['by']} (unverified name)"


def _replayed(settings: Settings) -> Iterator[tuple[dict[str, Any], dict[str, Reviewer]]]:
    """Yield every payload with the keys as they are after it."""
    keys: dict[str, Reviewer] = {}
    for entry in chain.read(decisions_file(settings)):
        payload = entry["payload"]
        if payload is None:
            continue
        line = entry["index"] + 1
        if payload["decision"] in (LISTED, REVOKED):
            keys = keys | _key_of(payload, line)
        elif payload["decision"] in _BY_PERSONS:
            _check(payload, keys, line)
        yield payload, keys


def _key_of(payload: Mapping[str, Any], line: int) -> dict[str, Reviewer]:
    try:
        reviewer = Reviewer.model_validate_json(canonical(payload["reviewer"]))
    except (KeyError, ValidationError):
        raise _broken(line, "names no key") from None
    return {reviewer.key: reviewer}


def _check(payload: Mapping[str, Any], keys: Mapping[str, Reviewer], line: int) -> None:
    """Check a person's decision against the keys of its moment."""
    if not keys and payload.get("key") is None:
        return
    reviewer = keys.get(str(payload.get("key")))
    signed = {name: value for name, value in payload.items() if name != "signature"}
    if reviewer is None or reviewer.revoked is not None or reviewer.name != payload["by"]:
        raise _broken(line, "is not signed by a key that was listed then")
    if not is_signed(canonical(signed), str(payload.get("signature")), reviewer.public):
        raise _broken(line, f"is not signed by {payload['by']}")


def _broken(line: int, words: str) -> IntegrityError:
    return IntegrityError(
        "tampered_record", f"record: line {line} of decisions.jsonl {words}", "restore the record from a backup"
    )
