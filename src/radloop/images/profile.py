"""Which attributes of a header may stay, and in what form.

Two nets, one behind the other, at every depth of nesting. The first is a list of what describes
pixels, geometry and acquisition; the second is the Basic Application Level Confidentiality Profile
of PS3.15 table E.1-1, in the tables and by the actions of dicom-anonymizer. What passes both
is written anew by its kind: a number as a plausible number, a code as a term that the standard defines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal

from dicomanonymizer.simpledicomanonymizer import (  # type: ignore[import-untyped]
    anonymize_dataset,
    initialize_actions,
)
from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag, repeater_has_tag, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.valuerep import format_number_as_ds

from radloop.images.codes import known_code
from radloop.images.header import unreadable
from radloop.images.lookup_table import exact_table
from radloop.images.vocabulary import TEXTS, known_term, known_text

TABLE_EDITION = "dicomfields_2026c"

Kind = Literal["number", "term", "text", "uid", "date", "time", "pointer", "sequence", "table", "age"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ACQUISITION = frozenset((0x0018, 0x0020, 0x0022, 0x0028, 0x0048, 0x0052, 0x0054, 0x0062, 0x2050))
"""Groups whose numbers, codes and UIDs describe acquisition, relation to other images, and pixels."""
_NUMBERS = frozenset(("DS", "IS", "US", "SS", "UL", "SL", "FD", "FL", "US or SS"))
_NEVER = _words(
    """OtherStudyNumbers ReportNumber NumberOfPatientRelatedStudies NumberOfPatientRelatedSeries
    NumberOfPatientRelatedInstances NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances
    NumberOfSeriesRelatedInstances LUTNumber ItemNumber IsotopeNumber CurveNumber OverlayNumber PixelDataProviderURL
    DateOfSecondaryCapture"""
)
_ALSO: dict[Kind, str] = {
    "number": """ReferencedFrameNumber RecommendedDisplayFrameRate StartTrim StopTrim RealWorldValueLastValueMapped
        RealWorldValueFirstValueMapped DoubleFloatRealWorldValueLastValueMapped
        DoubleFloatRealWorldValueFirstValueMapped RealWorldValueIntercept RealWorldValueSlope RealWorldValueLUTData""",
    "term": """ImageType FrameType Modality ConversionType PresentationIntentType PixelPresentation VolumetricProperties
        VolumeBasedCalculationTechnique ComplexImageComponent AcquisitionContrast PatientSex ContentLabel""",
    "uid": "SOPClassUID SOPInstanceUID ReferencedSOPClassUID ReferencedSOPInstanceUID IrradiationEventUID",
    "date": """StudyDate SeriesDate AcquisitionDate ContentDate AcquisitionDateTime FrameAcquisitionDateTime
        FrameReferenceDateTime StartAcquisitionDateTime EndAcquisitionDateTime""",
    "time": "ContentTime",
    "age": "PatientAge",
    "table": """LUTData RedPaletteColorLookupTableData GreenPaletteColorLookupTableData BluePaletteColorLookupTableData
        AlphaPaletteColorLookupTableData SegmentedRedPaletteColorLookupTableData
        SegmentedGreenPaletteColorLookupTableData SegmentedBluePaletteColorLookupTableData
        SegmentedAlphaPaletteColorLookupTableData""",
    "sequence": """AcquisitionContextSequence AnatomicRegionModifierSequence AnatomicRegionSequence CardiacSynchronizationSequence
        ChemicalShiftSequence ContrastBolusAdministrationRouteSequence ContrastBolusAgentSequence
        ContrastBolusIngredientCodeSequence ContrastBolusUsageSequence CTAcquisitionDetailsSequence
        CTAcquisitionTypeSequence CTAdditionalXRaySourceSequence CTDIPhantomTypeCodeSequence CTExposureSequence
        CTGeometrySequence CTImageFrameTypeSequence CTPositionSequence CTReconstructionSequence CTTableDynamicsSequence
        CTXRayDetailsSequence DataInformationSequence DerivationCodeSequence DerivationImageSequence
        DetectorInformationSequence DiffusionGradientDirectionSequence DimensionIndexSequence
        DimensionOrganizationSequence EnergyWindowInformationSequence EnergyWindowRangeSequence FrameAnatomySequence
        FrameContentSequence FrameVOILUTSequence GatedInformationSequence IdentityPixelValueTransformationSequence
        IrradiationEventIdentificationSequence MeasurementUnitsCodeSequence ModalityLUTSequence
        MRArterialSpinLabelingSequence MRAveragesSequence MRDiffusionSequence MREchoSequence MRFOVGeometrySequence
        MRImageFrameTypeSequence MRImagingModifierSequence MRMetaboliteMapSequence MRModifierSequence
        MRReceiveCoilSequence MRSpatialSaturationSequence MRTimingAndRelatedParametersSequence MRTransmitCoilSequence
        MRVelocityEncodingSequence MultiCoilDefinitionSequence OperatingModeSequence ParametricMapFrameTypeSequence
        PatientGantryRelationshipCodeSequence PatientOrientationCodeSequence PatientOrientationModifierCodeSequence
        PerFrameFunctionalGroupsSequence PETFrameAcquisitionSequence PETFrameTypeSequence PETPositionSequence
        PETReconstructionSequence PhaseInformationSequence PixelIntensityRelationshipLUTSequence PixelMeasuresSequence
        PixelValueTransformationSequence PlaneOrientationSequence PlaneOrientationVolumeSequence PlanePositionSequence
        PlanePositionSlideSequence PlanePositionVolumeSequence PrimaryAnatomicStructureSequence
        PurposeOfReferenceCodeSequence QuantityDefinitionSequence RadionuclideCodeSequence
        RadiopharmaceuticalInformationSequence RealWorldValueMappingSequence ReferencedImageSequence
        ReferencedInstanceSequence ReferencedSeriesSequence RespiratorySynchronizationSequence
        RotationInformationSequence SegmentedPropertyCategoryCodeSequence SegmentedPropertyTypeCodeSequence
        SegmentedPropertyTypeModifierCodeSequence SegmentIdentificationSequence SegmentSequence
        SequenceOfUltrasoundRegions SharedFunctionalGroupsSequence SourceImageSequence SpecificAbsorptionRateSequence
        TemporalPositionSequence TimeSlotInformationSequence ViewCodeSequence ViewModifierCodeSequence VOILUTSequence
        XRay3DFrameTypeSequence""",
}
_TYPE_2 = _words(
    """AcquisitionNumber BodyPartExamined ContrastBolusAgent InstanceNumber Laterality Manufacturer MRAcquisitionType
    PatientOrientation PatientSex PositionReferenceIndicator ScanOptions SeriesNumber ViewPosition StudyDate
    ContentDate"""
)
"""Attributes that stay empty where their value goes: modules of images require that they are present."""
_TYPE_1 = {
    "ContentLabel": "ANONYMIZED",
    "ConversionType": "WSD",
    "LUTLabel": "ANONYMIZED",
    "Modality": "OT",
    "ModalityLUTType": "US",
    "ScanningSequence": "RM",
    "SegmentLabel": "ANONYMIZED",
    "SequenceVariant": "NONE",
}
"""What stands in for a value that goes where modules require one."""
_EQUIPMENT = frozenset(("DeviceSerialNumber", "Manufacturer", "ManufacturerModelName", "SoftwareVersions"))
"""Required with a value by Enhanced General Equipment (PS3.3 C.7.5.2) only."""
_IMAGE_TYPE = ("DERIVED", "SECONDARY")
_ESSENTIAL = _words(
    """SamplesPerPixel PhotometricInterpretation PlanarConfiguration NumberOfFrames Rows Columns BitsAllocated
    BitsStored HighBit PixelRepresentation RescaleIntercept RescaleSlope LUTDescriptor"""
)
"""Without these the pixels would mean something else."""
_FRAMES = frozenset(("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"))

_DEFAULT_LIMIT = 1e5
"""Numbers of an acquisition stay below it; patient and accession numbers of more than five digits do not."""
_LIMITS = {"SeriesNumber": 9999, "AcquisitionNumber": 9999}
_LARGE = _words(
    """ActualFrameDuration CountsAccumulated DoseCalibrationFactor ExposureInuAs ExposureTimeInuS FrameReferenceTime
    PrimaryPromptsCountsAccumulated RadionuclideHalfLife RadionuclideTotalDose SecondaryCountsAccumulated
    TriggerTime WindowCenter WindowWidth XRayTubeCurrentInuA"""
)
"""Quantities that exceed the limit and then keep three digits."""
_DECIMAL = re.compile(r"-?(0|[1-9]\d*)(\.\d*)?([eE][+-]?\d{1,2})?")
_AGE = re.compile(r"0*(\d{1,3})\s*([DWMY])")
_OLDEST = 89
"""Ages above are a possible identifier (45 CFR 164.514(b)(2)(i)(C)) and become 90."""
_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Replacements:
    """What replaces the identifying values of one patient's data set.

    Attributes:
        uid: gives the new UID for an old one.
        date: gives the new date YYYYMMDD for a DA or DT value, None where it is not one.
        wide: samples have more than 16 bits, and so do numbers that speak of them.
        enhanced: the object has functional groups, and with them more required attributes.
        big_endian: words in the source's lookup tables are.
    """

    uid: Callable[[str], str]
    date: Callable[[str], str | None]
    wide: bool = False
    enhanced: bool = False
    big_endian: bool = False


def clean_header(dataset: Dataset, replacements: Replacements, depth: int = 0) -> Dataset:
    """Return a new data set of what may stay, without pixels; the given one keeps its values.

    Raises:
        Refusal: `unreadable_image`: nested too deep, or an attribute that gives the pixels their meaning cannot be understood.
    """
    if depth > _DEPTH:
        raise unreadable("its sequences are nested too deep")
    listed = Dataset()
    for element in _listed(dataset):
        listed.add(element)
    _apply_profile(listed)
    clean = Dataset()
    for element in listed:
        written = _written(element, replacements, listed, depth)
        if written is not None:
            clean.add(written)
    _check_essential(dataset, clean)
    if "CodeValue" in dataset:
        _add_code(dataset, clean)
    return clean


@lru_cache(maxsize=16384)
def kind(tag: int) -> Kind | None:
    """Return what an attribute is, None where it may not stay: private, of a repeating group, unknown or not listed."""
    if (tag >> 16) % 2 or repeater_has_tag(tag) or not dictionary_has_tag(tag):
        return None
    keyword, representation = keyword_for_tag(tag), dictionary_VR(tag)
    if keyword in _NEVER:
        return None
    if keyword in _named():
        return _named()[keyword]
    if tag >> 16 not in _ACQUISITION:
        return None
    if representation in _NUMBERS:
        return "number"
    return {"CS": "term", "UI": "uid", "AT": "pointer"}.get(representation)  # type: ignore[return-value]


@cache
def _named() -> dict[str, Kind]:
    named: dict[str, Kind] = {word: name for name, words in _ALSO.items() for word in words.split()}
    texts = (*TEXTS, *_EQUIPMENT, "ContrastBolusAgent", "PositionReferenceIndicator", "SegmentLabel", "LUTLabel")
    return named | dict.fromkeys(texts, "text")


@cache
def _actions() -> dict[int, Any]:
    """Return the actions of the Basic Profile, without those that options or keyed replacements take over.

    UIDs and listed dates are replaced in `_written`, for the library's are random or constant; age and
    sex stay by the Retain Patient Characteristics Option; references keep their new UIDs.
    """
    ours = frozenset(("uid", "date", "age", "sequence"))
    table = initialize_actions(TABLE_EDITION)
    tags = {BaseTag(tag[0] << 16 | tag[1]): action for tag, action in table.items() if len(tag) == 2}
    retained = tag_for_keyword("PatientSex")
    return {tag: action for tag, action in tags.items() if tag != retained and kind(tag) not in ours}


def _apply_profile(dataset: Dataset) -> None:
    actions = _actions()
    rules = {(tag.group, tag.element): actions[tag] for tag in dataset.keys() if tag in actions}  # noqa: SIM118 - keys, not elements
    if rules:
        anonymize_dataset(dataset, base_rules_gen=lambda: rules, delete_private_tags=False)


def _listed(dataset: Dataset) -> Iterator[DataElement]:
    """Yield copies of the elements that may stay and are of the VR that the dictionary says."""
    for tag in list(dataset.keys()):
        if kind(tag) is None:
            continue
        try:
            element = dataset[tag]
        except Exception:  # noqa: BLE001, S112 - a value that cannot be read is one that cannot stay
            continue
        representation = dictionary_VR(tag)
        if element.VR in (representation, *representation.split(" or ")):
            yield DataElement(tag, _settled(element), element.value, already_converted=True)


def _settled(element: DataElement) -> str:
    """Return the VR of an element that its file leaves open, as implicit VR does, by what its value is."""
    if " or " not in element.VR:
        return element.VR
    if isinstance(element.value, bytes):
        return "OW"
    return "SS" if any(value < 0 for value in _values(element)) else "US"


def _written(element: DataElement, replacements: Replacements, around: Dataset, depth: int) -> DataElement | None:
    """Return an element with what may stay of its value, None where that is nothing."""
    keyword, tag = element.keyword, element.tag
    if kind(tag) == "sequence":
        return _sequence(element, replacements, depth)
    if kind(tag) == "table":
        table = exact_table(element, around, replacements.big_endian)
        return None if table is None else DataElement(tag, element.VR, table)
    values = [_VALUE[kind(tag) or "text"](value, keyword, element.VR, replacements) for value in _values(element)]
    kept = [value for value in values if value is not None]
    if kind(tag) in ("number", "pointer", "uid") and len(kept) < len(values):  # half a position is none
        kept = []
    if kept:
        return DataElement(tag, element.VR, kept if len(kept) > 1 else kept[0])
    return _stand_in(element, replacements, depth)


def _stand_in(element: DataElement, replacements: Replacements, depth: int) -> DataElement | None:
    keyword = element.keyword
    if replacements.enhanced and keyword in _EQUIPMENT:
        return DataElement(element.tag, element.VR, "ANONYMIZED")
    if keyword in _TYPE_1:
        return DataElement(element.tag, element.VR, _TYPE_1[keyword])
    empty = (keyword in _TYPE_2 and depth == 0) or (kind(element.tag) == "number" and not _values(element))
    return DataElement(element.tag, element.VR, None) if empty else None


def _values(element: DataElement) -> list[Any]:
    value = element.value
    if isinstance(value, MultiValue | list | tuple):
        return [_imaged(element.keyword, place, item) for place, item in enumerate(value)]
    return [] if value is None or value in ("", b"") else [_imaged(element.keyword, 0, value)]


def _imaged(keyword: str, place: int, value: Any) -> Any:
    """Return a value of Image Type or Frame Type as one that is known: there the place of a value matters."""
    if keyword not in ("ImageType", "FrameType"):
        return value
    fallback = _IMAGE_TYPE[place] if place < len(_IMAGE_TYPE) else "OTHER"
    return known_term(keyword, str(value)) or fallback


def _number(value: Any, keyword: str, representation: str, replacements: Replacements) -> Any:
    """Return a plausible number; a text, a number as long as an identifier, or no number at all gives None."""
    try:
        size = abs(float("" if isinstance(value, bytes) else value))
    except (TypeError, ValueError):
        return None
    if keyword in _LARGE and size >= _DEFAULT_LIMIT and size < 1e15:
        value = float(f"{float(value):.2e}")
        value = int(value) if representation not in ("DS", "FD", "FL") else value
    elif not size <= (1e15 if replacements.wide else _LIMITS.get(keyword, _DEFAULT_LIMIT)):  # also what is not a number
        return None
    if representation == "IS":
        return str(int(value))
    if representation == "DS":
        text = str(value).strip()
        return text if _DECIMAL.fullmatch(text) and len(text) <= 16 else format_number_as_ds(float(value))
    return value


def _term(value: Any, keyword: str, _representation: str, _replacements: Replacements) -> str | None:
    return known_term(keyword, str(value))


def _text(value: Any, keyword: str, _representation: str, _replacements: Replacements) -> str | None:
    return known_text(keyword, str(value)) if keyword in TEXTS else None


def _uid(value: Any, _keyword: str, _representation: str, replacements: Replacements) -> str | None:
    return replacements.uid(str(value)) if str(value).strip("\0 ") else None


def _date(value: Any, _keyword: str, _representation: str, replacements: Replacements) -> str | None:
    return replacements.date(str(value))


def _time(value: Any, _keyword: str, _representation: str, _replacements: Replacements) -> str | None:
    return "000000" if str(value) else None


def _age(value: Any, _keyword: str, _representation: str, _replacements: Replacements) -> str | None:
    match = _AGE.fullmatch(str(value).strip().upper())
    if match is None:
        return None
    number, unit = int(match[1]), match[2]
    years = number / {"Y": 1.0, "M": 12.0, "W": 52.0, "D": 365.0}[unit]
    return f"{_OLDEST + 1:03d}Y" if years > _OLDEST else f"{number:03d}{unit}"


def _pointer(value: Any, _keyword: str, _representation: str, _replacements: Replacements) -> int | None:
    tag = BaseTag(int(value))
    return tag if not tag.is_private and dictionary_has_tag(tag) else None


_VALUE: dict[str, Callable[[Any, str, str, Replacements], Any]] = {
    "number": _number,
    "term": _term,
    "text": _text,
    "uid": _uid,
    "date": _date,
    "time": _time,
    "age": _age,
    "pointer": _pointer,
}


def _sequence(element: DataElement, replacements: Replacements, depth: int) -> DataElement | None:
    if element.keyword == "AcquisitionContextSequence":  # of type 2, and its items hold free content
        return DataElement(element.tag, "SQ", Sequence())
    items = [clean_header(item, replacements, depth + 1) for item in element.value]
    if element.keyword not in _FRAMES:
        items = [item for item in items if len(item)]
    return DataElement(element.tag, "SQ", Sequence(items)) if items else None


def _add_code(item: Dataset, clean: Dataset) -> None:
    """Add a code that the standard's context groups know, with the meaning that they give it."""
    code = known_code(str(item.get("CodeValue")), str(item.get("CodingSchemeDesignator")))
    if code is not None:
        clean.CodeValue, clean.CodingSchemeDesignator, clean.CodeMeaning = code


def _check_essential(dataset: Dataset, clean: Dataset) -> None:
    for keyword in _ESSENTIAL:
        if keyword in dataset and keyword not in clean:
            raise unreadable("an attribute that gives its pixels their meaning is not plausible")
