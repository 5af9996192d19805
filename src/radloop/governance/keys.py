"""Reviewers' keys: listed, revoked, and what they sign. Where one was ever listed, keys are on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from radloop.errors import InputError, Refusal
from radloop.governance import decisions
from radloop.governance.key_file import OpenKey
from radloop.inference.reviewers import Reviewer, Reviewers, Role, key_id, reviewers_file
from radloop.records.seal import canonical, seal, write_sealed
from radloop.settings import Settings


def now() -> str:
    """Return the time of a decision: ISO 8601, UTC, whole seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def check_new(name: str, rotate: bool, settings: Settings) -> None:
    """Refuse a key for a person who has one, before it is made.

    Raises:
        InputError: no name.
        Refusal: `key_exists`.
    """
    if not name.strip():
        raise InputError("invalid_name", "a key needs a person's name", "radloop keys new 'Dr. A. Reader'")
    listed = decisions.checked_reviewers(settings)
    if listed is not None and listed.active(name) is not None and not rotate:
        raise Refusal("key_exists", f"{name} has a key", "--rotate lists a new one and revokes the old one")


def list_key(name: str, public: str, role: Role, account: str | None, settings: Settings, rotate: bool = False) -> Reviewer:
    """List a person's public key, from now on; `rotate` revokes the one before it.

    Args:
        name: under which the person decides.
        public: 32 bytes, hexadecimal.
        role: what the key may sign.
        account: under which the person starts runs.

    Raises:
        Refusal: `key_exists`: the person has one, or the key is listed.
        IntegrityError: the key list or the record was edited.
    """
    check_new(name, rotate, settings)
    listed = decisions.checked_reviewers(settings)
    if listed is not None and listed.by_key(key_id(public)) is not None:
        raise Refusal("key_exists", "this key is listed already", "make a new one: radloop keys new NAME")
    if listed is not None and listed.active(name) is not None:
        revoke_key(name, settings)
    reviewer = Reviewer(name=name, role=role, account=account, key=key_id(public), public=public, listed=now())
    _record(decisions.LISTED, reviewer, settings)
    return reviewer


def revoke_key(name: str, settings: Settings) -> Reviewer:
    """Revoke a person's key: it signs nothing any more; what it signed before stays valid.

    Raises:
        Refusal: `no_key`.
        IntegrityError: the key list or the record was edited.
    """
    listed = decisions.checked_reviewers(settings)
    found = listed.active(name) if listed is not None else None
    if found is None:
        raise Refusal("no_key", f"{name} has no key that could be revoked", "`radloop keys list` shows who has one")
    revoked = found.model_copy(update={"revoked": now()})
    _record(decisions.REVOKED, revoked, settings)
    return revoked


def restore_list(settings: Settings) -> Reviewers | None:
    """Write the key list anew from the record of decisions.

    Raises:
        IntegrityError: the record was edited.
    """
    recorded = decisions.recorded_reviewers(settings)
    path = reviewers_file(settings.bundles)
    if recorded is None:
        path.unlink(missing_ok=True)
    else:
        write_sealed(path, recorded.model_dump(mode="json"))
    return recorded


def _record(decision: str, reviewer: Reviewer, settings: Settings) -> None:
    """Record first: a crash in between leaves a list that says it is behind, and can be restored."""
    entry = {"schema_version": 1, "decision": decision, "reviewer": reviewer.model_dump(mode="json"), "by": settings.user}
    decisions.append(settings, entry | {"time": now()})
    restore_list(settings)


def signer(by: str, key: OpenKey | None, settings: Settings) -> tuple[str, Reviewer | None]:
    """Return who decides, and where keys are on the listed reviewer behind the key.

    Args:
        by: the name that was given; with a key it may be empty.

    Raises:
        InputError: `wrong_name`: it is not the key's.
        Refusal: `key_needed`, `key_not_listed` or `key_revoked`.
        IntegrityError: the key list or the record was edited.
    """
    listed = decisions.checked_reviewers(settings)
    if key is None:
        if listed is not None:
            raise Refusal("key_needed", "reviewers are listed, and this decision is not signed", "give --key FILE")
        return by.strip(), None
    reviewer = listed.by_key(key.id) if listed is not None else None
    if reviewer is None:
        raise Refusal("key_not_listed", f"the key {key.id[:19]} is not listed", "`radloop keys list` shows which are")
    if reviewer.revoked is not None:
        raise Refusal("key_revoked", f"the key of {reviewer.name} was revoked on {reviewer.revoked}", "use the key listed since")
    if by.strip() not in ("", reviewer.name):
        raise InputError("wrong_name", f"the key is {reviewer.name}'s", "leave --by out, or give that name")
    return reviewer.name, reviewer


def who_decides(settings: Settings) -> str:
    """Return the option that says who decides, for a hint: the file of a key where keys are on, a name otherwise."""
    return "--key FILE" if reviewers_file(settings.bundles).is_file() else "--by NAME"


def signed(document: Mapping[str, Any], key: OpenKey | None) -> tuple[dict[str, Any], str | None]:
    """Return a decision with its seal, and the signature over its bytes; None without a key."""
    sealed = seal({**document, "verified": key is not None, "key": None if key is None else key.id})
    return sealed, None if key is None else key.sign(canonical(sealed))


def as_recorded(sealed: Mapping[str, Any], signature: str | None) -> dict[str, Any]:
    """Return a decision as the record holds it: its signature beside what it signs."""
    return dict(sealed) if signature is None else {**sealed, "signature": signature}
