"""The answer as a picture for the archive: a multi-purpose secondary capture (PS3.3 A.8.4) with image, heat map and words."""

from __future__ import annotations

import textwrap
from typing import Any

import highdicom
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from radloop.serving.reading import words
from radloop.serving.reading.exports.kinds import Export, is_dicom
from radloop.serving.reading.exports.source import MANUFACTURER, SERIES, new_uid, source_of, written
from radloop.serving.reading.picture import composed

_SIDE = 768
_LETTERS = 18


def secondary_capture(export: Export) -> bytes:
    """Return an RGB secondary capture.

    Of a DICOM it joins that image's study, with its patient; of a PNG or JPEG, which names nobody, it begins a study of
    its own for an anonymous patient.

    Raises:
        ValueError: there is no picture, or the image's header is unusable.
    """
    if export.picture is None:
        raise ValueError("there is no picture of this file")
    common: dict[str, Any] = {
        "pixel_array": _drawn(export),
        "photometric_interpretation": "RGB",
        "bits_allocated": 8,
        "coordinate_system": "PATIENT",
        "patient_orientation": ("L", "F"),
        "series_instance_uid": new_uid(),
        "series_number": SERIES + 1,
        "sop_instance_uid": new_uid(),
        "instance_number": 1,
        "manufacturer": MANUFACTURER,
        "series_description": f"Radloop {export.answer['use_case']}, not a medical device"[:64],
    }
    if is_dicom(export.content):
        source = source_of(export.content)
        capture = highdicom.sc.SCImage.from_ref_dataset(source, **common)
        if source.get("BurnedInAnnotation"):
            capture.BurnedInAnnotation = source.BurnedInAnnotation
    else:
        anonymous = {"patient_id": "ANONYMOUS", "patient_name": "ANONYMOUS", "study_instance_uid": new_uid()}
        capture = highdicom.sc.SCImage(**common, **anonymous)
        capture.PatientIdentityRemoved = "YES"
        capture.DeidentificationMethod = "the image came without a header"
    return written(capture)


def _drawn(export: Export) -> NDArray[np.uint8]:
    """Return the picture uint8 [rows, columns, 3]: the image, and below it what was answered."""
    image = composed(export.picture or {}, export.answer)
    scale = _SIDE / max(image.size)
    image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), Image.Resampling.BICUBIC)
    lines = _lines(export)
    sheet = Image.new("RGB", (_SIDE, image.height + (len(lines) + 1) * (_LETTERS + 6)), (0, 0, 0))
    sheet.paste(image, ((_SIDE - image.width) // 2, 0))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_LETTERS)
    for number, line in enumerate(lines):
        draw.text((8, image.height + 10 + number * (_LETTERS + 6)), line, font=font, fill=(255, 255, 255))
    return np.asarray(sheet)


def _lines(export: Export) -> list[str]:
    answer, facts = export.answer, export.facts
    notices = [words.DEVICE] + ([words.SYNTHETIC] if words.is_synthetic(answer) else [])
    found = [f"{one['label']}: {words.against(one, facts)}" for one in words.ordered(answer)[:5]]
    head, _ = words.headline(answer, facts)
    text = [*notices, head, *found, *words.severity(answer, facts), *words.certainty(answer), f"Request {answer['request_id']}"]
    return [line for sentence in text for line in textwrap.wrap(sentence, 84)]
