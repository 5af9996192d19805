"""Whether a model may be asked about an image at all."""

from __future__ import annotations

import math

from radloop.errors import InadmissibleImage
from radloop.images.header import Header
from radloop.images.quality import Quality
from radloop.inference.bundle import BundleFacts

BLANK_CONTRAST = 0.02
"""Five grey levels between the 1st and the 99th percentile: nothing was exposed, or the window missed it."""


def admit(header: Header, quality: Quality, facts: BundleFacts) -> tuple[str, ...]:
    """Return the warnings that go with an answer, each `code: sentence`.

    Raises:
        InadmissibleImage: `foreign_modality`, `foreign_body_part`, `too_small`, `blank_image` or
            `outside_intended_use`.
    """
    _check_origin(header, facts)
    _check_pixels(header, quality, facts)
    _check_age(header, facts)
    return tuple(_warnings(header, facts))


def _check_origin(header: Header, facts: BundleFacts) -> None:
    spec = facts.image
    if header.modality is not None and header.modality not in spec.modalities:
        raise InadmissibleImage(
            "foreign_modality",
            f"the image's modality is not one of {', '.join(spec.modalities)}",
            f"{facts.use_case} answers for {', '.join(spec.modalities)} images only",
        )
    if header.body_part is not None and header.body_part not in spec.body_parts:
        raise InadmissibleImage(
            "foreign_body_part",
            f"the image's body part is not {' or '.join(spec.body_parts)}",
            "send an image of that body part, or name another use case",
        )


def _check_pixels(header: Header, quality: Quality, facts: BundleFacts) -> None:
    least = facts.image.min_side
    if min(header.rows, header.columns) < least:
        raise InadmissibleImage(
            "too_small",
            f"the image has {header.rows} x {header.columns} pixels; each side needs at least {least}",
            "send the original, not a thumbnail",
        )
    if quality.contrast <= BLANK_CONTRAST:
        raise InadmissibleImage("blank_image", "the image shows nothing: it has no contrast", "check the exposure and the window")


def _check_age(header: Header, facts: BundleFacts) -> None:
    limits = facts.intended_use.age
    if limits is None or header.age is None or math.isnan(header.age):
        return
    if not limits[0] <= header.age or math.floor(header.age) > limits[1]:
        raise InadmissibleImage(
            "outside_intended_use",
            f"the patient's age is outside {limits[0]:g} to {limits[1]:g} years, for which the model was tested",
            facts.intended_use.statement,
        )


def _warnings(header: Header, facts: BundleFacts) -> list[str]:
    found = []
    if facts.synthetic:
        found.append("synthetic_model: the model was trained on synthetic images; its answers mean nothing for patients")
    unknown = [word for word, value in (("modality", header.modality), ("body part", header.body_part)) if value is None]
    if unknown:
        found.append(
            f"unknown_origin: the file does not say its {' and '.join(unknown)}; the model is for "
            f"{' or '.join(facts.image.modalities)} images of {' or '.join(facts.image.body_parts)}"
        )
    if facts.intended_use.age is not None and (header.age is None or math.isnan(header.age)):
        low, high = facts.intended_use.age
        found.append(f"unknown_age: the patient's age is not known; the model was tested for {low:g} to {high:g} years")
    if header.format == "dicom" and facts.image.pixel_domain == "display":
        found.append("display_window: the model reads displayed images; the DICOM was read through its own first window")
    return found
