"""Coded concepts that the standard knows: what a code sequence may say in a de-identified header."""

from __future__ import annotations

from functools import cache
from typing import cast

_LONGEST = 64
"""Characters of Code Meaning, of VR LO (PS3.5 section 6.2)."""


def known_code(value: str, scheme: str) -> tuple[str, str, str] | None:
    """Return (value, scheme, meaning) of a code in the standard's context groups (PS3.16), None for any other.

    Example:
        >>> known_code("T-A0100", "SRT")
        ('T-A0100', 'SRT', 'Brain structure (body structure)')
    """
    value, scheme = value.strip(), scheme.strip()
    older = scheme in ("SRT", "SNM3")  # SNOMED RT
    meaning = _meanings().get("SCT" if older else scheme, {}).get(_modern(value) if older else value)
    return (value, scheme, meaning[:_LONGEST]) if meaning else None


@cache
def _meanings() -> dict[str, dict[str, str]]:
    from pydicom.sr._concepts_dict import concepts as schemes  # half a second to load, and few images have codes

    return {
        scheme: {value: meaning for concept in concepts.values() for value, (meaning, _) in concept.items()}
        for scheme, concepts in cast("dict[str, dict[str, dict[str, tuple[str, list[int]]]]]", schemes).items()
    }


def _modern(value: str) -> str:
    from pydicom.sr._snomed_dict import mapping

    return str(mapping["SRT"].get(value, ""))
