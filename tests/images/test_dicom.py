"""DICOM in: what is read, what is refused, and nothing else."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom import uid
from pydicom.encaps import encapsulate

from radloop.errors import Refusal
from radloop.images.dicom import is_dicom, read_dataset, read_dicom
from tests.image_files import make_dataset, make_dicom, make_raster, ramp

PIXELS = ramp(20, 30, 4095)


def written(dataset: pydicom.Dataset) -> bytes:
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def code_of(content: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        read_dicom(content)
    return caught.value.code


def test_reads_pixels_and_header() -> None:
    pixels, header = read_dicom(make_dicom(PIXELS))
    assert (pixels.shape, pixels.dtype) == ((20, 30), np.uint8)
    assert (pixels[0, 0], pixels[-1, -1]) == (0, 255)
    assert (header.modality, header.body_part, header.view, header.sex, header.age) == ("CR", "CHEST", "PA", "F", 40.0)
    assert (header.rows, header.columns, header.bits, header.patient) == (20, 30, 12, "MRN-0042")


def test_absent_and_odd_values_are_unknown() -> None:
    _, header = read_dicom(
        make_dicom(PIXELS, Modality=None, BodyPartExamined=" ", PatientSex="X", PatientAge="about 40", PatientID=None)
    )
    assert (header.modality, header.body_part, header.sex, header.age, header.patient) == (None, None, None, None, None)


def test_identifiers_stay_out_of_repr() -> None:
    assert "MRN" not in repr(read_dicom(make_dicom(PIXELS))[1])


def test_overlay_bits_above_those_stored_are_removed() -> None:
    drawn = PIXELS | np.uint16(0xF000)
    assert np.array_equal(read_dicom(make_dicom(drawn))[0], read_dicom(make_dicom(PIXELS))[0])


def test_overlay_bits_of_signed_values_are_removed() -> None:
    signed = (PIXELS.astype(np.int16) - 2048).astype(np.int16)
    drawn = (signed.view(np.uint16) & np.uint16(0x0FFF)).view(np.int16)  # the upper bits no longer repeat the sign
    assert np.array_equal(read_dicom(make_dicom(drawn))[0], read_dicom(make_dicom(signed))[0])


def test_a_data_set_without_file_meta_is_read() -> None:
    dataset = make_dataset(PIXELS)
    dataset.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian
    bare = written(dataset)
    start = bare.index(struct.pack("<HHI", 0x0008, 0x0016, 26))  # SOP Class UID, the first element after the file meta
    assert is_dicom(bare[start:])
    assert np.array_equal(read_dicom(bare[start:])[0], read_dicom(make_dicom(PIXELS))[0])


def test_refusals() -> None:
    whole = make_dicom(PIXELS)
    assert code_of(whole[:-400]) == "unreadable_image"
    assert code_of(make_dicom(PIXELS, Rows=None)) == "unreadable_image"
    assert code_of(make_dicom(PIXELS, Rows=0)) == "unreadable_image"
    assert code_of(make_dicom(PIXELS, PhotometricInterpretation=None)) == "unreadable_image"
    assert code_of(make_dicom(PIXELS, HighBit=30)) == "unreadable_image"
    assert code_of(make_dicom(PIXELS, NumberOfFrames=2)) == "multi_frame"
    assert code_of(make_dicom(PIXELS, SamplesPerPixel=3, PhotometricInterpretation="RGB")) == "colour_image"
    assert code_of(make_dicom(PIXELS, PhotometricInterpretation="PALETTE COLOR")) == "colour_image"
    assert code_of(make_dicom(PIXELS, Rows=20_000, Columns=20_000)) == "image_too_large"
    assert code_of(b"\0" * 128 + b"DICM") == "unreadable_image"


def test_no_message_and_no_warning_repeats_a_value(recwarn: pytest.WarningsRecorder, caplog: pytest.LogCaptureFixture) -> None:
    content = make_dicom(PIXELS).replace(b"1.2.3.4\0", b"JaneDoe\0").replace(b"040Y", b"Jane")
    for broken in (content, content[:-400]):
        try:
            read_dicom(broken)
        except Refusal as refusal:
            assert "Jane" not in refusal.message
    assert not [warning for warning in recwarn if "Jane" in str(warning.message)]
    assert "Jane" not in caplog.text


@pytest.mark.parametrize("seed", range(3))
def test_damaged_bytes_never_raise_anything_else(seed: int) -> None:
    random = np.random.default_rng(seed)
    whole = make_dicom(PIXELS)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in random.integers(132, len(whole) - PIXELS.nbytes, 3):
            damaged[place] = random.integers(256)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                read_dicom(bytes(damaged))
            except Refusal:
                continue


def test_a_compressed_stream_that_claims_to_be_huge_is_not_decoded() -> None:
    stream = io.BytesIO()
    Image.fromarray(PIXELS.astype(np.uint8)).save(stream, format="JPEG2000", no_jp2=True)
    dataset = make_dataset(PIXELS.astype(np.uint8), stored=8)
    dataset.file_meta.TransferSyntaxUID = uid.JPEG2000Lossless
    dataset.PixelData = encapsulate([stream.getvalue()])
    dataset["PixelData"].is_undefined_length = True
    assert np.array_equal(read_dicom(written(dataset))[0], PIXELS.astype(np.uint8))
    place = stream.getvalue().index(b"\xff\x51") + 6
    huge = stream.getvalue()[:place] + struct.pack(">II", 50_000, 50_000) + stream.getvalue()[place + 8 :]
    dataset.PixelData = encapsulate([huge])
    assert code_of(written(dataset)) == "image_too_large"


def test_a_deflated_data_set_that_fills_the_memory_is_refused() -> None:
    dataset = make_dataset(PIXELS)
    dataset.file_meta.TransferSyntaxUID = uid.DeflatedExplicitVRLittleEndian
    small = written(dataset)
    assert read_dicom(small)[0].shape == PIXELS.shape
    start = 144 + int.from_bytes(small[140:144], "little")
    deflate = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = b"\0" * (1 << 24)
    bomb = b"".join(deflate.compress(block) for _ in range(17)) + deflate.flush()
    assert code_of(small[:start] + bomb) == "image_too_large"


def test_jpeg_in_dicom() -> None:
    grey = PIXELS.astype(np.uint8)
    dataset = make_dataset(grey, stored=8)
    dataset.file_meta.TransferSyntaxUID = uid.JPEGBaseline8Bit
    dataset.PixelData = encapsulate([make_raster(grey, "JPEG", quality=95)])
    dataset["PixelData"].is_undefined_length = True
    pixels, _ = read_dicom(written(dataset))
    assert pixels.shape == grey.shape


def test_read_dataset_keeps_pixels_as_they_are() -> None:
    assert read_dataset(make_dicom(PIXELS)).PixelData == PIXELS.tobytes()
