"""Answers as files to keep."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pydicom
import pytest

from radloop.serving.reading.asking import Asking
from radloop.serving.reading.exports import KINDS, Export, press
from radloop.serving.reading.exports.paper import paper
from radloop.serving.reading.picture import picture_of
from radloop.serving.reading.visit import Visit
from tests.image_files import make_dicom
from tests.serving.reading.clips import make_clip_answer
from tests.serving.reading.conftest import DICOM, IMAGE, PNG


@pytest.fixture(scope="module")
def export(asked: tuple[str, Any]) -> Export:
    """An answer with a place, of a DICOM."""
    with Asking(asked[0], "") as asking:
        facts = next(one for one in asking.use_cases() if one["use_case"] == "kidney-stone-ct")
        answer = asking.answer(DICOM, "kidney-stone-ct", {})
        return Export("sr", answer, facts, picture_of(asking.view(DICOM)), DICOM)


def items(item: Any) -> list[Any]:
    found = [item]
    for part in item.get("ContentSequence", ()):
        found += items(part)
    return found


def named(parts: list[Any], code: str) -> list[Any]:
    return [part for part in parts if "ConceptNameCodeSequence" in part and part.ConceptNameCodeSequence[0].CodeValue == code]


def test_the_structured_report_is_tid_1500_in_the_images_study(export: Export) -> None:
    made = press(export)
    report, source = pydicom.dcmread(io.BytesIO(made.content)), pydicom.dcmread(io.BytesIO(DICOM))
    assert made.media_type == "application/dicom" and report.SOPClassUID == pydicom.uid.ComprehensiveSRStorage
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert (report.StudyInstanceUID, report.PatientID) == (source.StudyInstanceUID, "MRN-77")
    assert (report.VerificationFlag, report.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")
    assert report.SeriesInstanceUID != source.SeriesInstanceUID
    parts, finding = items(report), export.answer["findings"][0]
    (probability,) = named(parts, "probability")
    assert float(probability.MeasuredValueSequence[0].NumericValue) == pytest.approx(finding["probability"], abs=1e-9)
    (decision,) = named(parts, "decision")
    assert decision.ConceptCodeSequence[0].CodeMeaning == ("Present" if finding["positive"] else "Absent")
    shapes = [part for part in parts if part.ValueType == "SCOORD"]
    assert len(shapes) == len(finding["boxes"])
    x0, y0, x1, y1 = finding["boxes"][0]
    assert list(shapes[0].GraphicData) == [x0, y0, x1, y0, x1, y1, x0, y1, x0, y0]
    references = [item for part in parts for item in part.get("ReferencedSOPSequence", ())]
    assert {item.ReferencedSOPInstanceUID for item in references} == {source.SOPInstanceUID}


def test_a_secondary_capture_joins_the_study_or_is_anonymous(export: Export) -> None:
    capture = pydicom.dcmread(io.BytesIO(press(replace(export, kind="capture")).content))
    assert capture.SOPClassUID == pydicom.uid.SecondaryCaptureImageStorage
    assert (capture.PatientID, capture.SeriesDescription) == ("MRN-77", "Radloop kidney-stone-ct, not a medical device")
    assert (capture.Columns, capture.PhotometricInterpretation) == (768, "RGB") and capture.Rows > 768
    assert capture.pixel_array[770:].max() == 255  # words below the image
    bare = pydicom.dcmread(io.BytesIO(press(replace(export, kind="capture", content=PNG)).content))
    assert (bare.PatientID, bare.PatientIdentityRemoved) == ("ANONYMOUS", "YES")
    assert bare.StudyInstanceUID != capture.StudyInstanceUID


def test_paper_names_nobody(export: Export) -> None:
    made = press(replace(export, kind="pdf"))
    assert made.media_type == "application/pdf" and made.content.startswith(b"%PDF")
    page = paper(export, datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
    assert "Not a medical device" in page and "printed 2026-01-02 03:04 UTC" in page and page.count("<img") == 2
    text = re.sub(r"base64,[^']*", "", page)
    assert "Roe" not in text and "MRN-77" not in text and "http" not in text


def test_a_clip_on_paper_has_its_course_and_in_json_every_frame() -> None:
    clip, answer = make_clip_answer()
    model = {"version": 1, "bundle": "sha256:0", "data_version": "d"}
    answer |= {"use_case": "uc", "request_id": "r", "uncertainty": 0.5, "model": model, "warnings": []}
    export = Export("json", answer, {"title": "Clips"}, None, b"moov", clip)
    document = json.loads(press(export).content)
    assert document["clip"] == clip and document["answer"] == answer
    page = paper(export, datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
    assert page.count("<figure>") == 2 and "the mean of 6 of its 7 frames" in page and ".timeline .plot" in page
    assert press(replace(export, kind="pdf")).content.startswith(b"%PDF")
    assert [name for name, kind in KINDS.items() if kind.can(export.content, None)] == ["pdf", "json"]


def test_a_file_that_results_cannot_refer_to_is_refused(export: Export) -> None:
    broken = make_dicom(IMAGE, stored=8, StudyInstanceUID="")
    with pytest.raises(ValueError, match="StudyInstanceUID"):
        press(replace(export, content=broken))


def test_what_can_be_made_is_offered(visit: Visit) -> None:
    picture = {"png": ""}
    offered = {name: [kind.can(content, picture) for content in (DICOM, PNG, b"")] for name, kind in KINDS.items()}
    assert offered["sr"] == [True, False, False] and offered["capture"] == [True, True, False]
    assert not KINDS["capture"].can(DICOM, None)
