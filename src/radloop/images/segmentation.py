"""A region as a DICOM Segmentation (PS3.3 A.51) of the image that it was found in.

Written in a process of the pool: it reads a foreign file's header. highdicom is imported here alone, and only there.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from highdicom import UID, AlgorithmIdentificationSequence
from highdicom.seg import (
    SegmentAlgorithmTypeValues,
    Segmentation,
    SegmentationTypeValues,
    SegmentDescription,
)
from numpy.typing import NDArray
from pydicom.sr.codedict import codes

from radloop.errors import Refusal
from radloop.images.dicom import is_dicom, read_dataset, refusing
from radloop.images.pool import Reply

_OFTEN_MISSING = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "StudyID",
)
"""Attributes of type 2: they may be empty, and de-identified files leave them out."""


def segmentation_reply(content: bytes, region: NDArray[np.bool_], label: str, model: dict[str, Any]) -> Reply:
    """Return the bytes of a DICOM SEG, uint8 [n].

    Args:
        content: of the DICOM file.
        region: bool [rows, columns], as the image is displayed.
        label: what the region is.
        model: `use_case`, `version` and `bundle`, as the object says who made it.

    Raises:
        Refusal: `not_dicom`; `no_reference`: the file does not say which image, series and study it is.
    """
    if not is_dicom(content):
        raise Refusal("not_dicom", "a DICOM segmentation belongs to a DICOM image", "ask /v1/predict with segment=true for a PNG")
    source = read_dataset(content)
    missing = [name for name in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID") if not source.get(name)]
    if missing:
        raise Refusal("no_reference", f"the file has no {', '.join(missing)}", "a segmentation must name the image it belongs to")
    for name in _OFTEN_MISSING:
        if name not in source:
            setattr(source, name, "")
    with refusing():
        found = _segmentation(source, region, label, model)
    stream = io.BytesIO()
    found.save_as(stream, enforce_file_format=True)
    return {}, [np.frombuffer(stream.getvalue(), np.uint8)]


def _segmentation(source: Any, region: NDArray[np.bool_], label: str, model: dict[str, Any]) -> Segmentation:
    algorithm = AlgorithmIdentificationSequence(
        name=f"Radloop {model['use_case']}", version=str(model["version"]), family=codes.DCM.ArtificialIntelligence
    )
    described = SegmentDescription(
        segment_number=1,
        segment_label=label[:64],
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Lesion,
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=algorithm,
    )
    return Segmentation(
        source_images=[source],
        pixel_array=region[None],
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[described],
        series_instance_uid=UID(),
        series_number=100,
        sop_instance_uid=UID(),
        instance_number=1,
        manufacturer="Radloop",
        manufacturer_model_name=str(model["use_case"]),
        software_versions=str(model["bundle"])[:64],
        device_serial_number="0",
        omit_empty_frames=False,
    )
