"""Clinical values that a request brings beside the image."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from radloop.clinical import SEXES, ClinicalInput
from radloop.errors import InputError, nearest
from radloop.images.header import Header
from radloop.inference.bundle import BundleFacts, ClinicalRange

KNOWN = ("age", "sex")
"""What every model takes: who the patient is says whether it may be asked."""
_AGE = ClinicalRange(unit="years", low=0.0, high=130.0)
_BESIDE = {"age": ClinicalInput(name="age"), "sex": ClinicalInput(name="sex", words=SEXES)}
_LARGEST = 1e12
"""No measurement is larger; what is would overflow the network's 32 bits."""


def names_of(facts: BundleFacts) -> tuple[str, ...]:
    """Return the names of the clinical values that a model takes."""
    return tuple(dict.fromkeys((*KNOWN, *(item.name for item in facts.clinical))))


def check_names(clinical: Mapping[str, Any] | None, names: Iterable[str]) -> None:
    """Refuse a name that is not among those known.

    Raises:
        InputError: `unknown_clinical_value`, with the nearest known name.
    """
    known = tuple(names)
    for key in clinical or {}:
        if key not in known:
            raise InputError("unknown_clinical_value", f"unknown clinical value '{str(key)[:40]}'", nearest(str(key)[:40], known))


def check(clinical: Mapping[str, Any] | None, facts: BundleFacts) -> dict[str, Any]:
    """Return the known values that a model takes, nulls left out.

    Raises:
        InputError: `unknown_clinical_value` or `invalid_clinical_value`; no message repeats a value.
    """
    check_names(clinical, names_of(facts))
    inputs = {item.name: item for item in facts.clinical}
    values = {key: value for key, value in (clinical or {}).items() if value is not None}
    return {key: _value(inputs.get(key) or _BESIDE[key], value, facts) for key, value in values.items()}


def range_of(item: ClinicalInput, facts: BundleFacts) -> ClinicalRange:
    """Return what a number may be; age is known without the bundle."""
    return _AGE if item.name == "age" else facts.ranges.get(item.name, ClinicalRange())


def complete(header: Header, values: Mapping[str, Any]) -> tuple[Header, tuple[str, ...]]:
    """Fill age and sex where the header does not know them; what it knows stays.

    Args:
        header: of the image.
        values: checked ones; other names pass by.

    Returns:
        the header, and a warning for each value that contradicts it.
    """
    given = {key: values[key] for key in KNOWN if key in values}
    known = {key: getattr(header, key) for key in given if getattr(header, key) is not None}
    warnings = tuple(
        f"clinical_conflict: the {key} sent with the image differs from the file's, which is used"
        for key, value in known.items()
        if not _agree(value, given[key])
    )
    return dataclasses.replace(header, **{key: value for key, value in given.items() if key not in known}), warnings


def joined(header: Header, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as the network takes them: age and sex are the completed header's."""
    return {**values, "age": header.age, "sex": header.sex}


def missing(facts: BundleFacts, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the warning that a model which takes clinical values was not given all of them."""
    unknown = [item.name for item in facts.clinical if not item.places(values.get(item.name))[-1]]
    if not unknown:
        return ()
    return (f"unknown_clinical: not known: {', '.join(unknown)}; the answer rests on the image and on what is known",)


def _value(item: ClinicalInput, value: Any, facts: BundleFacts) -> Any:
    return _word(item.name, value, item.words) if item.words else _number(item.name, value, range_of(item, facts))


def _word(name: str, value: Any, words: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in words:
        listed = ", ".join(f'"{word}"' for word in words)
        raise InputError(
            "invalid_clinical_value", f"clinical value '{name}' is none of its words", f"write {listed}, or leave it out"
        )
    return value


def _number(name: str, value: Any, limits: ClinicalRange) -> float:
    low = -math.inf if limits.low is None else limits.low
    high = math.inf if limits.high is None else limits.high
    number = isinstance(value, int | float) and not isinstance(value, bool)
    # Compared before it is converted: a whole number may be too long for a float.
    if not number or not low <= value <= high or abs(value) > _LARGEST:
        raise InputError(
            "invalid_clinical_value",
            f"clinical value '{name}' is not a number{_between(limits)}",
            f"write it in {limits.unit}, or leave it out" if limits.unit else "write a number, or leave it out",
        )
    return float(value)


def _between(limits: ClinicalRange) -> str:
    parts = [f" {word} {end:g}" for word, end in (("from", limits.low), ("to", limits.high)) if end is not None]
    return "".join(parts)


def _agree(known: Any, given: Any) -> bool:
    return abs(known - given) < 1.0 if isinstance(known, float) else bool(known == given)
