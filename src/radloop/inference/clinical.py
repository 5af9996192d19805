"""Clinical values that a request brings beside the image."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from radloop.errors import InputError, nearest
from radloop.images.header import Header

KNOWN = ("age", "sex")
_SEXES = ("F", "M", "O")
_OLDEST = 130.0


def complete(header: Header, clinical: Mapping[str, Any] | None) -> tuple[Header, tuple[str, ...]]:
    """Fill what the header does not know; what it knows stays.

    Args:
        header: of the image.
        clinical: `age` in years and `sex` as `F`, `M` or `O`; null means unknown.

    Returns:
        the header, and a warning for each value that contradicts it.

    Raises:
        InputError: `unknown_clinical_value` or `invalid_clinical_value`.
    """
    given = check(clinical)
    known = {key: getattr(header, key) for key in given if getattr(header, key) is not None}
    warnings = tuple(
        f"clinical_conflict: the {key} sent with the image differs from the file's, which is used"
        for key, value in known.items()
        if not _agree(value, given[key])
    )
    return dataclasses.replace(header, **{key: value for key, value in given.items() if key not in known}), warnings


def check(clinical: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the known values, nulls left out.

    Raises:
        InputError: `unknown_clinical_value` or `invalid_clinical_value`; no message repeats a value.
    """
    values = {key: value for key, value in (clinical or {}).items() if value is not None}
    for key in clinical or {}:
        if key not in KNOWN:
            raise InputError("unknown_clinical_value", f"unknown clinical value '{str(key)[:40]}'", nearest(str(key)[:40], KNOWN))
    if "age" in values:
        values["age"] = _age(values["age"])
    if "sex" in values and values["sex"] not in _SEXES:
        raise InputError(
            "invalid_clinical_value", "clinical value 'sex' is not F, M or O", 'write it as "F", "M" or "O", or leave it out'
        )
    return values


def _age(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not 0 <= value <= _OLDEST:
        raise InputError(
            "invalid_clinical_value",
            f"clinical value 'age' is not a number from 0 to {_OLDEST:g}",
            "write the age in years, or leave it out",
        )
    return float(value)


def _agree(known: Any, given: Any) -> bool:
    return abs(known - given) < 1.0 if isinstance(known, float) else bool(known == given)
