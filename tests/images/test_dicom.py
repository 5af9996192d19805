"""DICOM in: what is read, what is refused, and nothing else."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import uid
from pydicom.encaps import encapsulate

from radloop.errors import Refusal
from radloop.images.decode import decode
from radloop.images.dicom import is_dicom, read_dataset, read_header, refusing, stored_frames
from radloop.images.header import Header
from tests.image_files import make_dataset, make_dicom, make_raster, ramp

PIXELS = ramp(20, 30, 4095)


def read_dicom(content: bytes) -> tuple[NDArray[np.uint8], Header]:
    decoded = decode(content)
    return decoded.pixels, decoded.header


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
    assert (
        code_of(make_dicom(PIXELS, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0))
        == "unreadable_image"
    )
    assert code_of(make_dicom(PIXELS, SamplesPerPixel=3)) == "unreadable_image"
    assert code_of(make_dicom(PIXELS, PhotometricInterpretation="PALETTE COLOR")) == "unreadable_image"
    assert code_of(make_dicom(PIXELS, Rows=20_000, Columns=20_000)) == "image_too_large"
    assert code_of(make_dicom(PIXELS, Rows=5_000, Columns=5_000)) == "unreadable_image"
    assert code_of(make_dicom(PIXELS, NumberOfFrames=2_000_000_000)) == "multi_frame"
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


def test_a_document_is_no_image_and_an_image_without_pixels_is_broken() -> None:
    dataset = make_dataset(PIXELS)
    del dataset.PixelData
    assert code_of(written(dataset)) == "unreadable_image"
    del dataset.Rows, dataset.Columns
    assert code_of(written(dataset)) == "no_image"


def test_the_rest_of_the_header() -> None:
    header = read_header(
        make_dataset(
            PIXELS,
            Manufacturer="Acme Imaging",
            InstanceNumber=7,
            BurnedInAnnotation="NO",
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            ImagePositionPatient=[-10, -20, 35.5],
        )
    )
    assert (header.device, header.instance, header.burned_in, header.position) == ("ACME IMAGING", 7, False, 35.5)
    assert (header.series, header.frames) == ("1.2.3.1", 1)
    assert "1.2.3.1" not in repr(header)
    bare = read_header(make_dataset(PIXELS, SeriesInstanceUID=None))
    assert (bare.device, bare.instance, bare.burned_in, bare.position, bare.series) == (None, None, None, None, None)


def test_the_high_bit_tells_where_the_value_lies() -> None:
    left = PIXELS << 4  # twelve bits at the upper end of sixteen
    assert np.array_equal(next(stored_frames(make_dataset(left | np.uint16(9), HighBit=15))), PIXELS)


@pytest.mark.parametrize(
    "syntax", [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.RLELossless]
)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.uint32])
def test_plain_and_run_length_syntaxes_give_the_same_values(syntax: uid.UID, dtype: type) -> None:
    pixels = ramp(20, 30, 100, dtype)
    if syntax == uid.RLELossless and pixels.dtype.itemsize == 4:
        return  # pydicom writes none
    dataset = make_dataset(pixels, stored=8 * pixels.dtype.itemsize)
    if syntax == uid.ExplicitVRBigEndian:
        dataset.PixelData = pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()
    if syntax == uid.RLELossless:
        dataset.compress(uid.RLELossless)
    dataset.file_meta.TransferSyntaxUID = syntax
    stream = io.BytesIO()
    pydicom.dcmwrite(
        stream, dataset, implicit_vr=syntax == uid.ImplicitVRLittleEndian, little_endian=syntax != uid.ExplicitVRBigEndian
    )
    found = next(stored_frames(read_dataset(stream.getvalue())))
    assert np.array_equal(found, pixels)
    assert found.dtype == pixels.dtype


def colour_dataset(pixels: NDArray[np.uint8], planar: int = 0, photometric: str = "RGB") -> pydicom.Dataset:
    dataset = make_dataset(
        pixels[..., 0], stored=8, SamplesPerPixel=3, PhotometricInterpretation=photometric, PlanarConfiguration=planar
    )
    dataset.PixelData = (pixels.transpose(2, 0, 1) if planar else pixels).tobytes()
    return dataset


def test_colour_by_pixel_by_plane_and_as_luma_and_chroma() -> None:
    colour = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    for planar in (0, 1):
        assert np.array_equal(next(stored_frames(colour_dataset(colour, planar))), colour)
    grey = np.repeat(ramp(20, 30, 255, np.uint8)[..., None], 3, axis=2)
    neutral = np.stack([grey[..., 0], np.full((20, 30), 128, np.uint8), np.full((20, 30), 128, np.uint8)], axis=-1)
    assert np.array_equal(next(stored_frames(colour_dataset(neutral, 0, "YBR_FULL"))), grey)
    assert code_of(written(colour_dataset(colour, 0, "YBR_PARTIAL_420"))) == "unreadable_image"


def test_float_pixels() -> None:
    dataset = make_dataset(PIXELS)
    del dataset.PixelData
    dataset.BitsAllocated = 32
    dataset.FloatPixelData = np.linspace(-1, 1, 600, dtype="<f4").tobytes()
    decoded = decode(written(dataset))
    assert decoded.stored.dtype == np.float32
    assert (decoded.pixels[0, 0], decoded.pixels[-1, -1]) == (0, 255)
    dataset.FloatPixelData = np.full(600, np.nan, "<f4").tobytes()
    assert code_of(written(dataset)) == "unreadable_image"


def test_single_bits() -> None:
    mask = (np.arange(20 * 30).reshape(20, 30) % 7 == 0).astype(np.uint8)
    frames = np.stack([mask, 1 - mask])
    dataset = make_dataset(mask, stored=1, BitsAllocated=1, HighBit=0, NumberOfFrames=2)
    packed = np.packbits(frames.ravel(), bitorder="little").tobytes()
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    assert np.array_equal(np.stack(list(stored_frames(read_dataset(written(dataset))))), frames)


def test_deflated_frames_hold_no_more_than_the_header_says() -> None:
    def deflated(content: bytes) -> bytes:
        deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        stream = deflate.compress(content) + deflate.flush()
        return stream + b"\0" * (len(stream) % 2)

    dataset = make_dataset(PIXELS, NumberOfFrames=2)
    dataset.file_meta.TransferSyntaxUID = uid.UID("1.2.840.10008.1.2.8.1")
    dataset.PixelData = encapsulate([deflated(PIXELS.tobytes()), deflated(PIXELS.tobytes() + bytes(50_000_000))])
    assert [np.array_equal(frame, PIXELS) for frame in stored_frames(dataset)] == [True, True]
    dataset.PixelData = encapsulate([deflated(PIXELS.tobytes()), deflated(PIXELS.tobytes()[:-2])])
    with pytest.raises(Refusal, match="cut off"):
        list(stored_frames(dataset))


def test_run_lengths_cannot_promise_more_than_they_hold() -> None:
    dataset = make_dataset(PIXELS, Rows=7000, Columns=9000)
    dataset.file_meta.TransferSyntaxUID = uid.RLELossless
    dataset.PixelData = encapsulate([b"\2\0\0\0\x40\0\0\0\x50\0\0\0" + bytes(500)])
    assert code_of(written(dataset)) == "unreadable_image"


def test_every_frame_of_a_compressed_file_is_checked_before_any_is_decoded() -> None:
    grey = PIXELS.astype(np.uint8)
    dataset = make_dataset(grey, stored=8, NumberOfFrames=2)
    dataset.file_meta.TransferSyntaxUID = uid.JPEGBaseline8Bit
    dataset.PixelData = encapsulate([make_raster(grey, "JPEG"), make_raster(np.zeros((40, 30), np.uint8), "JPEG")])
    with pytest.raises(Refusal, match="size that its header says"):
        next(stored_frames(dataset))
    dataset.PixelData = encapsulate([make_raster(grey, "JPEG"), make_raster(grey, "JPEG")[:-200]])
    with pytest.raises(Refusal, match="cut off"):
        next(stored_frames(dataset))


def test_compressed_pixels_without_file_meta_name_their_own_kind() -> None:
    grey = PIXELS.astype(np.uint8)
    dataset = make_dataset(grey, stored=8)
    dataset.file_meta.TransferSyntaxUID = uid.JPEGBaseline8Bit
    dataset.PixelData = encapsulate([make_raster(grey, "JPEG")])
    whole = written(dataset)
    start = whole.index(struct.pack("<HH2sH", 0x0008, 0x0016, b"UI", 26))
    assert np.array_equal(read_dicom(whole[start:])[0], read_dicom(whole)[0])
    assert np.array_equal(read_dicom(b" " + whole[start:])[0], read_dicom(whole)[0])  # cut one byte short


def test_an_unknown_transfer_syntax_is_named_as_such() -> None:
    dataset = make_dataset(PIXELS)
    dataset.file_meta.TransferSyntaxUID = uid.MPEG2MPML
    dataset.PixelData = encapsulate([bytes(100)])
    assert code_of(written(dataset)) == "unsupported_encoding"


def test_sequences_nested_without_end() -> None:
    nested = pydicom.Dataset()
    for _ in range(150):
        outer = pydicom.Dataset()
        outer.ReferencedImageSequence = [nested]
        nested = outer
    assert read_dicom(make_dicom(PIXELS, SourceImageSequence=[nested]))[0].shape == PIXELS.shape
    item = struct.pack("<HH2sHIHHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF)
    whole = make_dicom(PIXELS)
    place = whole.index(struct.pack("<HH2s", 0x0010, 0x0010, b"PN"))
    assert code_of(whole[:place] + item * 100_000) == "unreadable_image"


def test_a_panic_and_a_lack_of_memory_are_refusals_and_an_interrupt_is_not() -> None:
    class Panic(BaseException):
        """As decoders written in Rust raise it."""

    for error, code in ((Panic("Doe"), "unreadable_image"), (MemoryError(), "decode_memory")):
        with pytest.raises(Refusal) as caught, refusing():
            raise error
        assert caught.value.code == code
        assert "Doe" not in caught.value.message
    with pytest.raises(KeyboardInterrupt), refusing():
        raise KeyboardInterrupt
