"""Clinical values: numbers in the unit of the use case, or its words."""

from __future__ import annotations

from collections.abc import Mapping

from radloop.data.sources.quantity import is_blank, read_number
from radloop.use_case import Clinical

Value = float | str | None


def read_clinical(text: str | None, value: Clinical) -> tuple[Value, str | None]:
    """Return a clinical value and None, or None and why it is unknown; the reason never quotes it.

    A number may carry the unit of the use case, and no other.

    Example:
        >>> read_clinical("38,5 Cel", Clinical(column="temperature", unit="Cel", low=25, high=45))
        (38.5, None)
    """
    word = (text or "").strip()
    if value.words:
        return _category(word, value.words)
    if is_blank(word):
        return None, None
    if value.unit and word.endswith(value.unit):
        word = word[: -len(value.unit)].rstrip()
    number, note = read_number(word)
    if number is None:
        return None, note or "not a number"
    if (value.low is not None and number < value.low) or (value.high is not None and number > value.high):
        return None, "outside its limits"
    return number, None


def _category(word: str, words: Mapping[str, str]) -> tuple[str | None, str | None]:
    if word in words:
        return words[word], None
    folded = {key.casefold(): ours for key, ours in words.items()}
    if word.casefold() in folded:
        return folded[word.casefold()], None
    return None, None if is_blank(word) else "not one of the words"
