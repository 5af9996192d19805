"""A word that must not survive, planted into every kind of place of a DICOM data set."""

from __future__ import annotations

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

CANARY = "ZQXDOE"
"""No file of any tool holds this by chance."""

_TEXTS = [
    "PatientName",
    "ReferringPhysicianName",
    "PerformingPhysicianName",
    "OperatorsName",
    "RequestingPhysician",
    "PhysiciansOfRecord",
    "NameOfPhysiciansReadingStudy",
    "ResponsiblePerson",
    "PatientMotherBirthName",
    "OtherPatientNames",
    "PatientID",
    "OtherPatientIDs",
    "IssuerOfPatientID",
    "InstitutionName",
    "InstitutionalDepartmentName",
    "StudyDescription",
    "SeriesDescription",
    "Manufacturer",
    "ManufacturerModelName",
    "DeviceSerialNumber",
    "SoftwareVersions",
    "ProtocolName",
    "PatientAddress",
    "RegionOfResidence",
    "MilitaryRank",
    "AdmissionID",
    "RequestedProcedureDescription",
    "AccessionNumber",
    "StationName",
    "StudyID",
    "PatientTelephoneNumbers",
    "EthnicGroup",
    "Occupation",
    "PatientComments",
    "AdditionalPatientHistory",
    "InstitutionAddress",
    "ImageComments",
    "DerivationDescription",
    "StudyComments",
    "RetrieveAETitle",
    "BodyPartExamined",
    "AcquisitionDeviceProcessingDescription",
    "ContrastBolusAgent",
    "DetectorID",
    "PlateID",
    "CountryOfResidence",
    "ReasonForStudy",
    "WindowCenterWidthExplanation",
]


def plant_canaries(dataset: Dataset) -> set[str]:
    """Plant the word into a data set in place, and return the names of the places."""
    planted = set()
    for keyword in _TEXTS:
        try:
            setattr(dataset, keyword, CANARY if keyword == "BodyPartExamined" else f"{CANARY} {keyword}"[:16].rstrip())
        except (ValueError, TypeError):
            continue
        if keyword in dataset:
            planted.add(keyword)
    return planted | _plant_nested(dataset) | _plant_private(dataset) | _plant_bytes(dataset)


def _plant_nested(dataset: Dataset) -> set[str]:
    inner, middle, outer = Dataset(), Dataset(), Dataset()
    inner.CodeMeaning = f"{CANARY} deep"
    middle.RequestedProcedureCodeSequence = Sequence([inner])
    middle.PatientID = f"{CANARY} nested"
    outer.RequestAttributesSequence = Sequence([middle])
    outer.ScheduledProcedureStepDescription = f"{CANARY} step"
    dataset.RequestAttributesSequence = Sequence([outer])
    modified = Dataset()
    modified.PatientName = f"{CANARY}^before"
    dataset.OriginalAttributesSequence = Sequence([modified])
    return {"nested 1", "nested 2", "nested 3", "original attributes"}


def _plant_private(dataset: Dataset) -> set[str]:
    block = dataset.private_block(0x0011, f"{CANARY} CREATOR", create=True)
    block.add_new(0x01, "LO", f"{CANARY} private")
    block.add_new(0x02, "OB", CANARY.encode() + b"  ")
    item = Dataset()
    item.PatientName = f"{CANARY}^private"
    block.add_new(0x03, "SQ", Sequence([item]))
    return {"private creator", "private text", "private bytes", "private sequence"}


def _plant_bytes(dataset: Dataset) -> set[str]:
    even = CANARY.encode().ljust(128, b" ")
    dataset.add(DataElement(0x60003000, "OW", even))
    dataset.add(DataElement(0x60000022, "LO", f"{CANARY} overlay"))
    dataset.add(DataElement(0x50002500, "LO", f"{CANARY} curve"))
    dataset.add(DataElement(0xFFFCFFFC, "OB", even))
    dataset.PixelData = bytes(dataset.PixelData) + even
    dataset.preamble = even
    dataset.file_meta.SourceApplicationEntityTitle = f"{CANARY} AE"
    dataset.file_meta.PrivateInformationCreatorUID = "1.2.3.4"
    dataset.file_meta.PrivateInformation = even
    return {"overlay", "overlay text", "curve", "trailing padding", "behind the pixels", "preamble", "meta title", "meta private"}
