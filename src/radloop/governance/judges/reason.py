"""A rule's outcome, and the sentences that all judges share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["passed", "failed", "not_evaluable", "not_applicable"]

MISSING = "missing evidence means no"


@dataclass(frozen=True)
class Reason:
    """One rule's outcome.

    Attributes:
        rule: the rule's name, with the subgroup or the like in brackets where it has one.
        number: what was seen; None when there was nothing to see.
        limit: what the policy asks.
        sentence: for the reviewer.
    """

    rule: str
    status: Status
    number: float | None
    limit: float | None
    sentence: str


def missing(rule: str, what: str, limit: float | None = None) -> Reason:
    """Return the reason for what the evidence does not say."""
    return Reason(rule, "not_evaluable", None, limit, f"{what}: {MISSING}.")


def compared(rule: str, number: float | None, limit: float, least: bool, what: str) -> Reason:
    """Return the reason for a number that must be at least, or at most, a limit."""
    if number is None:
        return missing(rule, f"{what} cannot be computed", limit)
    good = number >= limit if least else number <= limit
    demand = f"at {'least' if least else 'most'} {limit:g}"
    return Reason(rule, "passed" if good else "failed", number, limit, f"{what} is {number:.3f}; the policy asks {demand}.")


def no_champion(rule: str, first: bool | None, granted: bool, limit: float | None = None) -> Reason | None:
    """Return the reason for a version that has no champion to be compared with, None where it has one.

    Args:
        first: whether the evidence says for certain that this is a first version; None where it does not say, or
            contradicts itself.
        granted: whether the policy said in advance that the rule does not apply to a first version.
    """
    if first is None:
        return missing(rule, "Whether there is a champion to be compared with is not told for certain", limit)
    if not first:
        return None
    if granted:
        return Reason(rule, "not_applicable", None, limit, "A first version: there is no champion, as the policy foresaw.")
    sentence = "A first version: there is no champion, and the policy does not say in advance that this may be."
    return Reason(rule, "not_evaluable", None, limit, sentence)
