"""Real image files, made in memory."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset


def make_dataset(pixels: NDArray[Any], *, stored: int = 12, **attributes: Any) -> Dataset:
    """Return a CR data set of an image uint16 or int16 [rows, columns]; keywords set attributes, None removes them."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = uid.ComputedRadiographyImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = uid.UID("1.2.3.4")
    members: dict[str, Any] = {
        "SOPClassUID": uid.ComputedRadiographyImageStorage,
        "SOPInstanceUID": "1.2.3.4",
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.1",
        "Modality": "CR",
        "BodyPartExamined": "CHEST",
        "ViewPosition": "PA",
        "PatientID": "MRN-0042",
        "PatientName": "Doe^Jane",
        "PatientSex": "F",
        "PatientAge": "040Y",
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "BitsAllocated": 8 * pixels.dtype.itemsize,
        "BitsStored": stored,
        "HighBit": stored - 1,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
    }
    for keyword, value in (members | attributes).items():
        if value is not None:
            setattr(dataset, keyword, value)
    raw = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    dataset.PixelData = raw + b"\0" * (len(raw) % 2)
    dataset["PixelData"].VR = "OB" if pixels.dtype.itemsize == 1 else "OW"
    return dataset


def make_dicom(pixels: NDArray[Any], *, stored: int = 12, **attributes: Any) -> bytes:
    """Return the bytes of a DICOM file; see `make_dataset`."""
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, make_dataset(pixels, stored=stored, **attributes), enforce_file_format=True)
    return stream.getvalue()


def make_raster(pixels: NDArray[Any], kind: str = "PNG", mode: str | None = None, **options: Any) -> bytes:
    """Return the bytes of a PNG or JPEG file."""
    image = Image.fromarray(pixels)
    stream = io.BytesIO()
    (image.convert(mode) if mode else image).save(stream, format=kind, **options)
    return stream.getvalue()


def ramp(rows: int, columns: int, top: int, dtype: Any = np.uint16) -> NDArray[Any]:
    """Return values that rise evenly from 0 to `top` through the image."""
    return np.linspace(0, top, rows * columns).round().astype(dtype).reshape(rows, columns)
