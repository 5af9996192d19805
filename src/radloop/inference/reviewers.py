"""The key list: who may sign decisions, with which public key, and since and until when."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from radloop.errors import IntegrityError
from radloop.inference.bundle import DIGEST_PATTERN
from radloop.records.seal import SEAL, canonical, digest_bytes, read_sealed
from radloop.use_case import Section

Role = Literal["reviewer"]

_RESTORE = "`radloop keys restore` writes it anew from the record of decisions"


class Reviewer(Section):
    """One person's key. A revoked one stays listed: what it signed before is still checked with it."""

    name: str = Field(min_length=1)
    role: Role = "reviewer"
    account: str | None = None
    """Under which this person starts runs: four eyes compares it with a run's author."""
    key: str = Field(pattern=DIGEST_PATTERN)
    """The key's id: the digest of its 32 public bytes."""
    public: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Ed25519 (RFC 8032), hexadecimal."""
    listed: str
    """ISO 8601, UTC, as the next."""
    revoked: str | None = None

    @model_validator(mode="after")
    def _id_is_of_the_key(self) -> Reviewer:
        if key_id(self.public) != self.key:
            raise ValueError("key is not the id of public")
        return self

    def held(self, time: str) -> bool:
        """Tell whether the key was listed and not yet revoked at a time; one that cannot be read is outside."""
        try:
            at, first = datetime.fromisoformat(time), datetime.fromisoformat(self.listed)
            return first <= at and (self.revoked is None or at <= datetime.fromisoformat(self.revoked))
        except (ValueError, TypeError):
            return False


class Reviewers(Section):
    """The members of `reviewers.json`, besides its seal. Where it exists, keys are on."""

    schema_version: Literal[1] = 1
    reviewers: tuple[Reviewer, ...] = Field(min_length=1)

    def by_key(self, key: str) -> Reviewer | None:
        """Return whose key it is."""
        return next((one for one in self.reviewers if one.key == key), None)

    def active(self, name: str) -> Reviewer | None:
        """Return the key that a person signs with now."""
        return next((one for one in self.reviewers if one.name == name and one.revoked is None), None)


def key_id(public: str) -> str:
    """Return the id of a public key, given in hexadecimal."""
    return digest_bytes(bytes.fromhex(public))


def reviewers_file(bundles: Path) -> Path:
    """Return where the key list of an installation, or of a Bento, lies: with the bundles, away from all secrets."""
    return bundles / "reviewers.json"


def read_reviewers(bundles: Path) -> Reviewers | None:
    """Return the key list; None where keys are off.

    Raises:
        IntegrityError: `tampered_reviewers`.
    """
    path = reviewers_file(bundles)
    if not path.is_file():
        return None
    try:
        document = read_sealed(path, "reviewers")
        body = {key: value for key, value in document.items() if key != SEAL}
        return Reviewers.model_validate_json(canonical(body))
    except (IntegrityError, ValidationError):
        raise IntegrityError("tampered_reviewers", f"key list: {path.name} is not what was sealed", _RESTORE) from None
