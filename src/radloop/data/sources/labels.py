"""Labels: from a source's words, or its columns of 0 and 1, to the use case's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from radloop.data.sources.quantity import is_blank
from radloop.data.sources.table import Record, Table
from radloop.errors import InputError
from radloop.use_case import BinaryLabels, FindingLabels, UseCase

Findings = Mapping[str, float | None]
Meaning = tuple[str | None, Findings]
"""A label word and no findings, or None and every finding of a multi-label use case."""


class UnknownWordError(Exception):
    """Raise inside this package when a word is outside the classes."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class ContradictionError(Exception):
    """Raise inside this package when the words of one image exclude each other."""


def known_words(use_case: UseCase) -> dict[str, str]:
    """Return the use case's word of every word that it knows, its own included."""
    return {word: word for word in use_case.labels.words} | dict(use_case.source.labels)


def label_reader(use_case: UseCase, separator: str | None) -> Callable[[str], Meaning]:
    """Return a function from a source's label text to its meaning; equal texts share one answer.

    In a yes-or-no use case one positive word of several decides.
    """
    known = known_words(use_case)
    labels = use_case.labels

    @cache
    def read(text: str) -> Meaning:
        words = [word.strip() for word in text.split(separator)] if separator else [text]
        ours = [known.get(word) for word in words]
        if None in ours:
            raise UnknownWordError(words[ours.index(None)])
        found = {word for word in ours if word is not None}
        if isinstance(labels, FindingLabels):
            if labels.none in found and len(found) > 1:
                raise ContradictionError
            return None, {word: float(word in found) for word in labels.findings}
        if isinstance(labels, BinaryLabels):
            return labels.positive if labels.positive in found else labels.negative, {}
        if len(found) > 1:
            raise ContradictionError
        return found.pop(), {}

    return read


_CERTAINTY: Mapping[str, float | None] = {"1": 1.0, "1.0": 1.0, "0": 0.0, "0.0": 0.0, "-1": None, "-1.0": None}
"""As CheXpert writes it (Irvin et al., AAAI 2019): -1 is uncertain, a blank was not mentioned; both are unknown."""


def findings_reader(table: Table, use_case: UseCase, labels: FindingLabels) -> Callable[[int, Record], Findings]:
    """Return a function from a row to its findings, out of one column for each of them.

    Raises:
        InputError: a finding has no column; when called, a cell is neither 1, 0, -1 nor blank.
    """
    remedy = f"set source.label_separator and source.columns.label in {use_case.name}.yaml"
    cells = {word: table.cell(_column(table, use_case, word), f"finding {word}", remedy) for word in labels.findings}

    @cache
    def mean(texts: tuple[str | None, ...]) -> Findings:
        return {word: _certainty(text) for word, text in zip(cells, texts, strict=True)}

    def read(number: int, record: Record) -> Findings:
        try:
            return mean(tuple(cell(record) for cell in cells.values()))
        except ValueError:
            raise InputError(
                "finding_value",
                f"{table.name}:{number}: a finding's cell is neither 1, 0, -1 nor blank",
                "write 1 for present, 0 for absent, -1 or nothing for unknown",
            ) from None

    return read


def _column(table: Table, use_case: UseCase, word: str) -> str:
    theirs = [source for source, ours in use_case.source.labels.items() if ours == word]
    return next((name for name in (word, *theirs) if name in table.columns), word)


def _certainty(text: str | None) -> float | None:
    if text is None or is_blank(text):
        return None
    if text not in _CERTAINTY:
        raise ValueError
    return _CERTAINTY[text]
