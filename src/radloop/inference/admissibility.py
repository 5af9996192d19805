"""Whether a model may be asked about an image at all."""

from __future__ import annotations

import math

from radloop.errors import InadmissibleImage
from radloop.images.header import Header
from radloop.images.quality import Quality
from radloop.inference.bundle import BundleFacts

BLANK_CONTRAST = 0.02
"""Five grey levels between the 1st and the 99th percentile: nothing was exposed, or the window missed it."""


# The limits below were set on 19 public sets of radiographs, CT, MRI and ultrasound: their images have at most 0.85 of black and
# 0.15 of white pixels, none that is coloured, and sides of at most 1.8 to 1.
BLACK = 0.95
"""The share of black pixels from which there is too little left to read."""
WHITE = 0.5
"""The share of white pixels from which what was there is lost."""
COLOURED = 0.1
"""The share of coloured pixels that is too many for a grey image with coloured letters on it."""
LONGEST = 3.0
"""How many times its width a whole image may be long: it is squashed onto a square."""


def admit(header: Header, quality: Quality, facts: BundleFacts, coloured: float = 0.0) -> tuple[str, ...]:
    """Return the warnings that go with an answer, each `code: sentence`.

    Args:
        header: of the file, completed by the request.
        quality: of the displayed image.
        facts: of the bundle.
        coloured: the share of pixels that are coloured.

    Raises:
        InadmissibleImage: `foreign_modality`, `foreign_body_part`, `foreign_view`, `too_small`, `odd_shape`, `colour_image`,
            `blank_image`, `under_exposed`, `over_exposed` or `outside_intended_use`.
    """
    _check_origin(header, facts)
    _check_form(header, coloured, facts)
    _check_exposure(quality)
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
    if spec.views and header.view is not None and header.view not in spec.views:
        raise InadmissibleImage(
            "foreign_view",
            f"the image's view is not {' or '.join(spec.views)}",
            f"{facts.use_case} answers for these views only",
        )


def _check_form(header: Header, coloured: float, facts: BundleFacts) -> None:
    least = facts.image.min_side
    if min(header.rows, header.columns) < least:
        raise InadmissibleImage(
            "too_small",
            f"the image has {header.rows} x {header.columns} pixels; each side needs at least {least}",
            "send the original, not a thumbnail",
        )
    if max(header.rows, header.columns) > LONGEST * min(header.rows, header.columns):
        raise InadmissibleImage(
            "odd_shape",
            f"the image has {header.rows} x {header.columns} pixels; no side may be more than {LONGEST:g} times the other",
            "send the whole image, not a strip of it",
        )
    if coloured > COLOURED:
        raise InadmissibleImage(
            "colour_image",
            f"{coloured:.0%} of the image is coloured; the model reads grey images",
            "send the image as the device made it, not a photograph or a screenshot",
        )


def _check_exposure(quality: Quality) -> None:
    if quality.contrast <= BLANK_CONTRAST:
        raise InadmissibleImage("blank_image", "the image shows nothing: it has no contrast", "check the exposure and the window")
    if quality.black > BLACK:
        raise InadmissibleImage(
            "under_exposed", f"{quality.black:.1%} of the image is black", "check the exposure and the window"
        )
    if quality.saturated > WHITE:
        raise InadmissibleImage(
            "over_exposed", f"{quality.saturated:.0%} of the image is white", "check the exposure and the window"
        )


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
