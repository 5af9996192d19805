"""Which images are kept out of every split, and by which rules."""

from __future__ import annotations

from radloop.images.header import Header
from radloop.images.quality import Quality
from radloop.use_case import Quarantine


def quarantine(quality: Quality, text: bool, header: Header, rules: Quarantine) -> str | None:
    """Return `quarantine:` and the names of the broken rules, joined by commas, or None.

    A limit itself is allowed. The names come in one order: black, saturated, contrast, sharpness, border, text.

    Args:
        quality: of the displayed image.
        text: whether lines of text were found in it.
        header: where it says that text is burnt in (DICOM (0028,0301)), that counts as found; where it
            says that none is, the pixels are believed.
        rules: of the use case; None switches a rule off.
    """
    broken = {
        "black": _above(quality.black, rules.max_black),
        "saturated": _above(quality.saturated, rules.max_saturated),
        "contrast": _below(quality.contrast, rules.min_contrast),
        "sharpness": _below(quality.sharpness, rules.min_sharpness),
        "border": _above(quality.border, rules.max_border),
        "text": rules.burned_in_text and (text or header.burned_in is True),
    }
    names = [name for name, is_broken in broken.items() if is_broken]
    return "quarantine:" + ",".join(names) if names else None


def _above(value: float, limit: float | None) -> bool:
    return limit is not None and value > limit


def _below(value: float, limit: float | None) -> bool:
    return limit is not None and value < limit
