"""Numbers as people write them: read, or unknown with a reason that quotes nothing."""

from __future__ import annotations

import math
import re
from functools import lru_cache

BLANKS = frozenset({"", "nan", "na", "n/a", "#n/a", "<na>", "none", "null", "nil", "unknown", "unk", "-", "--", "."})
"""How sources write that they do not know, in lower case."""

_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d{1,3})?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_REASONS = (
    ("a decade", re.compile(r"\d0\s*['\u2019]?s\b")),
    ("a bound", re.compile(r"[<>\u2264\u2265]|\d\s*\+$|^[+-]?inf(inity)?$|\b(over|under|above|below|least|most|than|up to)\b")),
    ("a range", re.compile(r"\d\s*(-|\u2013|\u2014|/|\.\.+|to|until|and)\s*\d")),
    ("an estimate", re.compile(r"~|\d\s*\?$|\b(about|approx\w*|around|circa|ca|roughly)\b")),
    ("an unclear unit", re.compile(r"^[+-]?\d+([.,]\d+)?\s*\D+$")),
)


def is_blank(text: str | None) -> bool:
    """Tell whether a cell says nothing, or says that the value is unknown."""
    return (text or "").strip().casefold() in BLANKS


@lru_cache(maxsize=65_536)
def read_number(text: str | None) -> tuple[float | None, str | None]:
    """Return a number and None, or None and why it is unknown; a blank has no reason.

    A comma is a decimal comma, but where it may as well part thousands.

    Example:
        >>> read_number("38,5"), read_number("38+")
        ((38.5, None), (None, 'a bound'))
    """
    words = (text or "").strip().casefold()
    if words in BLANKS:
        return None, None
    if _THOUSANDS.fullmatch(words):
        return None, "an ambiguous comma"
    if _NUMBER.fullmatch(words):
        number = float(words.replace(",", "."))
        return (number, None) if math.isfinite(number) else (None, "not a number")
    return None, why_no_number(words)


def why_no_number(words: str) -> str:
    """Return what a text in lower case is instead of a number, in words of ours."""
    return next((reason for reason, pattern in _REASONS if pattern.search(words)), "not a number")
