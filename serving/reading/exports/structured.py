"""The answer as a structured report: TID 1500 Measurement Report (PS3.16), as IHE's AI Results profile asks for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from radloop.serving.reading import words
from radloop.serving.reading.exports.kinds import Export
from radloop.serving.reading.exports.source import MANUFACTURER, SERIES, new_uid, source_of, written

SCHEME = "99RADLOOP"
"""Our own code scheme (PS3.3 8.2): the labels are the use case's words, which no standard scheme has as they are meant."""
PROBABILITY = Code("probability", SCHEME, "Calibrated probability")
THRESHOLD = Code("threshold", SCHEME, "Probability from which it is positive")
UNCERTAINTY = Code("uncertainty", SCHEME, "Uncertainty, 0 to 1")
SEVERITY = Code("severity", SCHEME, "Severity")
DECISION = Code("decision", SCHEME, "Decision of the model")
PRESENT = Code("52101004", "SCT", "Present")
ABSENT = Code("2667000", "SCT", "Absent")
UNDECIDED = Code("82334004", "SCT", "Indeterminate")
_ONE = codes.UCUM.NoUnits


def structured_report(export: Export) -> bytes:
    """Return a Comprehensive SR that refers to the image that was sent, unverified and preliminary.

    It carries the patient and study of that image, as an archive needs to file it.

    Raises:
        ValueError: the image's header is unusable.
    """
    source, answer = source_of(export.content), export.answer
    try:
        report = _report(export, source, [source])
    except (AttributeError, LookupError, TypeError, ValueError):
        # The image library (TID 1600) is optional, and asks for attributes that machines leave out.
        report = _report(export, source, None)
    document = sr.ComprehensiveSR(
        evidence=[source],
        content=report[0],
        series_instance_uid=new_uid(),
        series_number=SERIES,
        sop_instance_uid=new_uid(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        is_final=False,
        is_verified=False,
        series_description=f"Radloop {answer['use_case']}, not a medical device"[:64],
    )
    return written(document)


def _report(export: Export, source: Dataset, library: list[Dataset] | None) -> Any:
    return sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=_device(export.answer)),
        procedure_reported=Code("363679005", "SCT", "Imaging procedure"),
        imaging_measurements=list(_groups(export, source)),
        title=codes.DCM.ImagingMeasurementReport,
        referenced_images=library,
    )


def _groups(export: Export, source: Dataset) -> Iterator[Any]:
    for number, finding in enumerate(words.ordered(export.answer), start=1):
        yield _finding(export, source, finding, number)
        for region, box in enumerate(finding.get("boxes") or (), start=1):
            yield _region(export, source, finding, f"{number}.{region}", box)


def _finding(export: Export, source: Dataset, finding: Mapping[str, Any], number: int) -> Any:
    answer = export.answer
    measured = [sr.Measurement(PROBABILITY, float(finding["probability"]), _ONE)]
    if finding["threshold"] is not None:
        measured.append(sr.Measurement(THRESHOLD, float(finding["threshold"]), _ONE))
    if number == 1:
        measured.append(sr.Measurement(UNCERTAINTY, float(answer["uncertainty"]), _ONE))
        if answer.get("severity"):
            measured.append(sr.Measurement(SEVERITY, float(answer["severity"]["score"]), _ONE))
    verdict = UNDECIDED if answer.get("abstained") else {True: PRESENT, False: ABSENT, None: UNDECIDED}[finding["positive"]]
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(new_uid(), f"finding {number}"),
        finding_type=_label(finding["label"]),
        algorithm_id=_algorithm(answer),
        measurements=measured,
        qualitative_evaluations=[sr.QualitativeEvaluation(DECISION, verdict)],
        source_images=[sr.SourceImageForMeasurementGroup(source.SOPClassUID, source.SOPInstanceUID)],
    )


def _region(export: Export, source: Dataset, finding: Mapping[str, Any], number: str, box: Any) -> Any:
    x0, y0, x1, y1 = (float(side) for side in box)
    outline = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)])
    place = sr.ImageRegion(
        sr.GraphicTypeValues.POLYLINE, outline, sr.SourceImageForRegion(source.SOPClassUID, source.SOPInstanceUID)
    )
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(new_uid(), f"region {number}"),
        referenced_region=place,
        finding_type=_label(finding["label"]),
        algorithm_id=_algorithm(export.answer),
    )


def _algorithm(answer: Mapping[str, Any]) -> Any:
    model = answer["model"]
    origin = [f"bundle={model['bundle']}", f"data={model['data_version']}", f"request={answer['request_id']}"]
    parameters = [*origin, "not a medical device"]
    return sr.AlgorithmIdentification(
        f"Radloop {answer['use_case']}", str(model["version"]), parameters=parameters, manufacturer=MANUFACTURER
    )


def _device(answer: Mapping[str, Any]) -> Any:
    """Return the observer: a device whose UID changes with the bundle, as IHE AIR 6.5.3.1 wants of a retrained model."""
    number = int(hashlib.sha256(answer["model"]["bundle"].encode()).hexdigest()[:32], 16)
    who = sr.DeviceObserverIdentifyingAttributes(
        uid=f"2.25.{number}",
        name=f"Radloop {answer['use_case']}",
        manufacturer_name=MANUFACTURER,
        model_name=f"version {answer['model']['version']}",
    )
    return sr.ObserverContext(codes.DCM.Device, who)


def _label(label: str) -> Code:
    return Code(hashlib.sha256(label.encode()).hexdigest()[:16], SCHEME, label[:64])
