"""Sex values: F, M, O or unknown."""

from __future__ import annotations

from collections.abc import Mapping

from radloop.use_case import Sex

_COMMON: Mapping[str, Sex] = {
    "f": "F",
    "female": "F",
    "woman": "F",
    "girl": "F",
    "m": "M",
    "male": "M",
    "man": "M",
    "boy": "M",
    "o": "O",
    "other": "O",
}


def read_sex(text: str | None, words: Mapping[str, Sex]) -> Sex | None:
    """Return the sex that a source's word stands for, None where it is unknown.

    Codes such as 0 and 1 mean opposite things in different hospitals: only the use case's words say which.

    Args:
        text: the cell or DICOM (0010,0040).
        words: `source.sexes` of the use case; it goes before the common words.
    """
    if text is None:
        return None
    word = text.strip()
    if word in words:
        return words[word]
    lowered = {key.casefold(): sex for key, sex in words.items()}
    folded = word.casefold()
    # Tools that hold blanks as NaN write a code 1 as 1.0.
    return lowered.get(folded) or lowered.get(folded.removesuffix(".0")) or _COMMON.get(folded)
