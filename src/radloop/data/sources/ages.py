"""Ages as sources write them: years, or unknown with a reason, never a guess."""

from __future__ import annotations

import re
from functools import lru_cache

from radloop.data.sources.quantity import BLANKS, read_number, why_no_number
from radloop.images.header import OLDEST, parse_age

_STRING = re.compile(r"\d{3}[dwmy]")
_WORDED = re.compile(r"(\d{1,3}(?:[.,]\d+)?)[\s-]*(y|yrs?|years?|mos?|months?|wks?|weeks?|days?)\.?(?:[\s-]*old)?")
_PER_YEAR = {"y": 1.0, "m": 12.0, "w": 365.25 / 7, "d": 365.25}


@lru_cache(maxsize=4096)
def read_age(text: str | None) -> tuple[float | None, str | None]:
    """Return the years of a table's cell and None, or None and why they are unknown.

    A table's column of ages is in years, so that a bare number is a value. `28M` is unknown: months as
    often as a man; with three digits it is an age string (PS3.5 section 6.2, AS).

    Example:
        >>> read_age("018M"), read_age("50+"), read_age("")
        ((1.5, None), (None, 'a bound'), (None, None))
    """
    words = (text or "").strip().casefold()
    if words in BLANKS:
        return None, None
    years = _years(words)
    return _plausible(years) if years is not None else (None, why_no_number(words))


def read_age_string(text: str | None) -> tuple[float | None, str | None]:
    """Return the years of DICOM (0010,1010) and None, or None and why they are unknown.

    The unit is part of an age string (PS3.5 section 6.2): a bare number may be days or years.
    """
    words = (text or "").strip()
    if words.casefold() in BLANKS:
        return None, None
    years = parse_age(words.upper())
    if years is not None:
        return _plausible(years)
    return None, "no unit" if words.isdecimal() else why_no_number(words.casefold())


def _years(words: str) -> float | None:
    if _STRING.fullmatch(words):
        return parse_age(words.upper())
    worded = _WORDED.fullmatch(words)
    if worded:
        return float(worded[1].replace(",", ".")) / _PER_YEAR[worded[2][0]]
    return read_number(words)[0]


def _plausible(years: float) -> tuple[float | None, str | None]:
    return (years, None) if 0 <= years <= OLDEST else (None, "impossible")
