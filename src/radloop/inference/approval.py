"""The approval that lies beside a bundle: what a named person decided, bound to what they saw."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from radloop.inference.bundle import DIGEST_PATTERN
from radloop.use_case import Section


class Approval(Section):
    """The members of `approval.json`, besides its seal."""

    schema_version: Literal[1] = 1
    use_case: str
    version: int = Field(ge=1)
    """Of the registered model."""
    bundle: str = Field(pattern=DIGEST_PATTERN)
    evidence: str = Field(pattern=DIGEST_PATTERN)
    """The evidence's seal."""
    verdict: Literal["passed"]
    decision: Literal["approve"]
    by: str = Field(min_length=1)
    note: str
    time: str
    addenda: tuple[Annotated[str, Field(pattern=DIGEST_PATTERN)], ...] = ()
    """The seals of the addenda that were there when it was decided."""
    verified: bool = False
    """Whether a key stands for the name; without one it is what somebody typed."""
    key: str | None = Field(default=None, pattern=DIGEST_PATTERN)
    """The id of the key that signed, see `radloop.inference.reviewers`."""

    @model_validator(mode="after")
    def _only_a_key_verifies(self) -> Approval:
        if self.verified != (self.key is not None):
            raise ValueError("verified without a key, or a key without verified")
        return self
