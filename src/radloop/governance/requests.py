"""Requests: decisions that a person asks for in MLflow, by setting the tag `radloop.review` on a version's page.

The tag is `approve: NOTE` or `reject: NOTE`. Where keys are off, it decides, under a name that nobody verified; where they
are on, it waits for a signature, and the tag `radloop.review_pending` says where that is given. A tag that says what was
decided last is no request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from radloop.errors import RadloopError
from radloop.governance.decisions import checked_reviewers, last_decisions
from radloop.governance.registry import Registry, Version, reviewed_versions
from radloop.governance.review import Decision, decide_on, request_of
from radloop.settings import Settings

PENDING = "radloop.review_pending"
FROM_MLFLOW = "MLflow page"
"""The name of whoever set the tag: MLflow without a login does not know it."""


@dataclass(frozen=True)
class Request:
    """What somebody asked for in MLflow, and what became of it.

    Attributes:
        request: the tag's text.
        outcome: `decided`; `pending`, it waits for a signature; `refused`, or it is not understood.
        message: for people: where to sign, or why not.
    """

    use_case: str
    version: int
    request: str
    outcome: Literal["decided", "pending", "refused"]
    message: str

    def as_dict(self) -> dict[str, Any]:
        """Return the request as JSON."""
        return asdict(self)


def understood(text: str) -> tuple[Decision, str] | None:
    """Return what a tag asks for and its note; None if it says neither `approve: NOTE` nor `reject: NOTE`."""
    found = re.fullmatch(r"\s*(approve|reject)\s*:\s*(\S.*?)\s*", text, re.DOTALL | re.IGNORECASE)
    if found is None:
        return None
    return ("approve" if found[1].lower() == "approve" else "reject"), found[2]


def open_request(version: Version, last: Mapping[str, Any] | None) -> str | None:
    """Return the text of a version's tag, unless it says what was decided last."""
    return None if version.review is None or (last is not None and request_of(last) == version.review) else version.review


def confirmation_address(version: Version, settings: Settings) -> str:
    """Return the page on which a decision on a version is signed."""
    return f"{settings.review_address}/{version.use_case}/{version.bundle.removeprefix('sha256:')}"


def sync(settings: Settings, use_case: str | None = None, retry: bool = True) -> list[Request]:
    """Turn requests into decisions, or say on the version's page what they wait for.

    Args:
        settings: of the installation.
        use_case: only its versions.
        retry: try what was refused before again.

    Raises:
        IntegrityError: record or key list were edited: nothing is decided.
    """
    versions = [version for version in reviewed_versions(settings) if use_case in (None, version.use_case)]
    decided = last_decisions(settings) if versions else {}
    found = []
    for version in versions:
        text = open_request(version, decided.get((version.use_case, version.version)))
        if text is not None and (retry or not version.tags.get(PENDING, "").startswith(_refused(text))):
            found.append(_dealt_with(version, text, settings))
    return found


def _refused(text: str) -> str:
    return f"refused `{text}`"


def _dealt_with(version: Version, text: str, settings: Settings) -> Request:
    asked = understood(text)
    if asked is None:
        words = f"{_refused(text)}: not understood; write `approve: NOTE` or `reject: NOTE`"
        return _waiting(version, text, "refused", words, settings)
    if checked_reviewers(settings) is not None:
        return _waiting(version, text, "pending", f"sign at {confirmation_address(version, settings)}", settings)
    try:
        decide_on(version.use_case, version.version, asked[0], FROM_MLFLOW, asked[1], settings)
    except RadloopError as error:
        return _waiting(version, text, "refused", f"{_refused(text)}: {error.message}", settings)
    return Request(version.use_case, version.version, text, "decided", f"{asked[0]} by {FROM_MLFLOW} (unverified name)")


def _waiting(version: Version, text: str, outcome: Literal["pending", "refused"], words: str, settings: Settings) -> Request:
    if version.tags.get(PENDING) != words:
        Registry(version.use_case, settings).tag(version.version, {PENDING: words})
    return Request(version.use_case, version.version, text, outcome, words)
