"""The file: a phantom as Computed Radiography Image Storage (DICOM PS3.3 A.2), Explicit VR Little Endian."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ComputedRadiographyImageStorage, ExplicitVRLittleEndian

from radloop.data.phantoms.cohort import Phantom
from radloop.data.phantoms.exposure import BITS, LARGEST, MACHINES
from radloop.data.phantoms.frame import SIZE
from radloop.data.phantoms.picture import Picture
from radloop.data.phantoms.randomness import Draws, Stream

# Constants of ours, and decimals as text: what pydicom would write may change with its version.
IMPLEMENTATION_UID = UID("2.25.63244375957380942986105310508899125171")
IMPLEMENTATION_NAME = "RADLOOP_PHANTOM"

_FIRST_DAY = date(2020, 1, 6)
_SPACING = ["1.4", "1.4"]


def patient_id(seed: int, patient: int) -> str:
    """Return the identifier of a patient; the seed in it keeps two cohorts' patients apart."""
    return f"PHANTOM-{seed}-{patient:04d}"


def write_dicom(path: Path, phantom: Phantom, picture: Picture, seed: int) -> None:
    """Write a phantom to a DICOM file; the bytes depend on the arguments alone."""
    dataset = Dataset()
    dataset.file_meta = _file_meta(phantom, seed)
    for module in (
        _patient(phantom, seed),
        _study(phantom, seed),
        _series(phantom, seed),
        _equipment(phantom),
        _image(phantom, picture, seed),
    ):
        dataset.update(module)
    dcmwrite(path, dataset, enforce_file_format=True)


def _file_meta(phantom: Phantom, seed: int) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = _uid(seed, "instance", phantom.index)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    meta.ImplementationVersionName = IMPLEMENTATION_NAME
    return meta


def _uid(seed: int, kind: str, index: int) -> UID:
    """Return a UID under 2.25: a UUID of version 8 (RFC 9562) made of a hash (PS3.5 B.2)."""
    digest = hashlib.sha256(f"radloop phantom {seed} {kind} {index}".encode()).digest()
    number = int.from_bytes(digest[:16], "big")
    number = number & ~(0xF << 76) | 0x8 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return UID(f"2.25.{number}")


def _patient(phantom: Phantom, seed: int) -> Dataset:
    """Patient (PS3.3 C.7.1.1) and Patient Study (C.7.2.2): a quality control subject, which is what a phantom is."""
    module = Dataset()
    module.PatientName = "SYNTHETIC^PHANTOM"
    module.PatientID = patient_id(seed, phantom.patient)
    module.PatientBirthDate = ""
    module.PatientSex = phantom.sex
    module.PatientAge = f"{phantom.age:03d}Y"
    module.QualityControlSubject = "YES"
    return module


def _study(phantom: Phantom, seed: int) -> Dataset:
    """General Study (C.7.2.1): one study an image, on a made-up day."""
    first = Draws(seed, Stream.DATE, phantom.patient).below(330)
    later = Draws(seed, Stream.TIME, phantom.index)
    day = _FIRST_DAY + timedelta(days=first + phantom.visit * 90 + later.below(60))
    module = Dataset()
    module.StudyInstanceUID = _uid(seed, "study", phantom.index)
    module.StudyDate = day.strftime("%Y%m%d")
    module.StudyTime = f"{later.between(8, 17):02d}{later.below(60):02d}00"
    module.ReferringPhysicianName = ""
    module.StudyID = str(phantom.index + 1)
    module.AccessionNumber = ""
    module.StudyDescription = "SYNTHETIC CHEST PHANTOM"
    return module


def _series(phantom: Phantom, seed: int) -> Dataset:
    """General Series (C.7.3.1) and CR Series (C.8.1.1)."""
    module = Dataset()
    module.Modality = "CR"
    module.SeriesInstanceUID = _uid(seed, "series", phantom.index)
    module.SeriesNumber = 1
    module.SeriesDescription = f"SYNTHETIC CHEST {phantom.view}"
    module.BodyPartExamined = "CHEST"
    module.ViewPosition = phantom.view
    return module


def _equipment(phantom: Phantom) -> Dataset:
    """General Equipment (C.7.5.1)."""
    module = Dataset()
    module.Manufacturer = "RADLOOP SYNTHETIC"
    module.InstitutionName = f"SYNTHETIC SITE {phantom.site}"
    module.StationName = f"PHANTOM_{phantom.site}"
    module.ManufacturerModelName = "CHEST PHANTOM"
    return module


def _image(phantom: Phantom, picture: Picture, seed: int) -> Dataset:
    """General Image (C.7.6.1), Image Pixel (C.7.6.3), CR Image (C.8.1.2), VOI LUT (C.11.2), SOP Common (C.12.1)."""
    machine = MACHINES[phantom.site]
    module = Dataset()
    module.SOPClassUID = ComputedRadiographyImageStorage
    module.SOPInstanceUID = _uid(seed, "instance", phantom.index)
    module.SyntheticData = "YES"
    module.ImageType = ["ORIGINAL", "PRIMARY"]
    module.InstanceNumber = 1
    module.PatientOrientation = ["L", "F"]
    module.ImageComments = str(phantom.label)
    module.BurnedInAnnotation = "NO"
    module.LossyImageCompression = "00"
    module.KVP = str(machine.kvp)
    module.ExposureTime = machine.milliseconds
    module.XRayTubeCurrent = machine.current
    module.Exposure = machine.current * machine.milliseconds // 1000
    module.ImagerPixelSpacing = _SPACING
    module.SamplesPerPixel = 1
    module.PhotometricInterpretation = "MONOCHROME1" if phantom.inverted else "MONOCHROME2"
    module.Rows = SIZE
    module.Columns = SIZE
    module.BitsAllocated = 16
    module.BitsStored = BITS
    module.HighBit = BITS - 1
    module.PixelRepresentation = 0
    module.WindowCenter, module.WindowWidth = _window(phantom, picture)
    stored = np.int32(LARGEST) - picture.values if phantom.inverted else picture.values
    module.add_new("PixelData", "OW", stored.astype("<u2").tobytes())
    return module


def _window(phantom: Phantom, picture: Picture) -> tuple[str, str]:
    """Return centre and width of the stored values; x -> 4095 - x turns the centre c into 4096 - c (C.11.2.1.2.1)."""
    width = max(picture.high - picture.low, 1)
    centre = picture.low + width // 2
    return str(LARGEST + 1 - centre if phantom.inverted else centre), str(width)
