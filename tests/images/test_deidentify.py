"""De-identification: only what is listed gets through, however deep and in whatever encoding it lies."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from openjpeg.utils import encode_array
from pydicom import uid
from pydicom.datadict import DicomDictionary, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.utils import pixel_array
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from radloop.errors import Refusal
from radloop.images.deidentify import deidentified, write_deidentified
from radloop.images.dicom import read_dataset
from radloop.images.profile import _actions, kind
from radloop.images.pseudonym import pseudonym
from tests.image_files import make_dataset, make_dicom, make_raster, ramp

PIXELS = ramp(21, 31, 4095)
GREY = ramp(32, 48, 255, np.uint8)
KEY = b"key of a test"

NAME = "Quandrel^Zyxwort"
NUMBER = 70012345
DATE, TIME = "19610213", "131415.926"
SECRETS = ("quandrel", "zyxwort", str(NUMBER), DATE, "131415")
_STRUCTURE = frozenset(
    (
        "SOPClassUID",
        "RescaleSlope",
        "RescaleIntercept",
        "LUTDescriptor",
        "PixelData",
        "FloatPixelData",
        "DoubleFloatPixelData",
        "ExtendedOffsetTable",
        "ExtendedOffsetTableLengths",
        *(keyword_for_tag(tag) for tag in DicomDictionary if tag >> 16 == 0x0028 and tag & 0xFFFF < 0x0110),
    )
)
_VALUES: dict[str, Any] = {
    "CS": "QUANDREL",
    "AE": "ZYXWORT",
    "AS": "070Y",
    "DA": DATE,
    "TM": TIME,
    "DT": f"{DATE}131415.926",
    "IS": str(NUMBER),
    "DS": str(NUMBER),
    "UI": f"1.2.840.10008.{NUMBER}",
    "FD": float(NUMBER),
    "FL": float(NUMBER),
    "SL": NUMBER,
    "UL": NUMBER,
    "SV": NUMBER,
    "UV": NUMBER,
    "US": 12345,
    "SS": 12345,
    "AT": 0x00091010,
}
_BINARY = ("OB", "OW", "OF", "OD", "OL", "OV", "UN")


def planted(tag: int, vr: str) -> DataElement | None:
    """Return an element of any public attribute that holds a canary, None where its VR has no room for one."""
    first = vr.split(" or ")[0]
    if first in _BINARY:
        return DataElement(tag, first, NAME.encode())
    if first == "SQ":
        return DataElement(tag, "SQ", Sequence([nested(1)]))
    if first in _VALUES or first in ("LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"):
        return DataElement(tag, first, _VALUES.get(first, NAME))
    return None


def nested(depth: int) -> Dataset:
    item = Dataset()
    item.PatientName, item.PatientID, item.StudyDate = NAME, str(NUMBER), DATE
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "QUANDREL", "99ZYXWORT", NAME
    item.BodyPartExamined, item.KVP, item.ReferencedSOPInstanceUID = "ZYXWORT", str(NUMBER), f"1.2.{NUMBER}"
    item.add_new(0x00091010, "LO", NAME)
    if depth:
        item.ReferencedImageSequence = [nested(depth - 1)]
        item.RequestAttributesSequence = [nested(depth - 1)]
    return item


def everywhere() -> Dataset:
    """Return an image with a canary in every attribute of the dictionary, and wherever else a file has room."""
    dataset = make_dataset(PIXELS | np.uint16(0xF000))  # bits beyond those stored
    for tag, (vr, _, _, _, keyword) in DicomDictionary.items():
        if tag >> 16 >= 0x0008 and keyword not in _STRUCTURE:
            element = planted(tag, vr)
            if element is not None:
                dataset.add(element)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "QUANDREL", "ZYXWORT"]
    dataset.Manufacturer = f"SIEMENS {NAME}"
    dataset.PerFrameFunctionalGroupsSequence = [nested(3)]
    for group in (0x0009, 0x0019, 0x0029, 0x7FE1):
        dataset.add_new((group, 0x0010), "LO", NAME)
        dataset.add_new((group, 0x1010), "OB", NAME.encode("utf-16-le"))
        dataset.add_new((group, 0x1011), "SQ", [nested(2)])
    for group in (0x6000, 0x601E, 0x5000, 0x5002):
        dataset.add_new((group, 0x0022 if group >= 0x6000 else 0x2500), "LO", NAME)
        dataset.add_new((group, 0x3000), "OW", NAME.encode() * 2)
    dataset.add_new(0x60004000, "LT", NAME)
    dataset.add_new(0x002031F2, "CS", "QUANDREL")  # of a repeating group
    dataset.add_new(0x00187FFF, "LO", NAME)  # an attribute that does not exist
    dataset.add_new(0xFFFCFFFC, "OB", NAME.encode())
    dataset.PixelData += NAME.encode()
    meta = dataset.file_meta
    meta.MediaStorageSOPInstanceUID = uid.UID(f"1.2.{NUMBER}")
    meta.ImplementationVersionName = "QUANDREL"
    meta.SourceApplicationEntityTitle = "ZYXWORT"
    meta.PrivateInformationCreatorUID = uid.UID(f"1.2.{NUMBER}")
    meta.PrivateInformation = NAME.encode()
    dataset.preamble = (NAME.encode() * 8)[:128]
    return dataset


def make_bytes(dataset: Dataset) -> bytes:
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def leaves(dataset: Dataset) -> Iterator[DataElement]:
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from leaves(item)
        else:
            yield element


def found(written: bytes) -> list[str]:
    """Return every canary in the bytes as they are, as UTF-16, and in what they parse to."""
    lowered = written.lower()
    shapes = ("ascii", "utf-16-le", "utf-16-be")
    hits = [secret for secret in SECRETS for shape in shapes if secret.encode(shape) in lowered]
    dataset = pydicom.dcmread(io.BytesIO(written))
    for element in (*dataset.file_meta, *leaves(dataset)):
        values = element.value if element.VM > 1 else [element.value]
        hits += [element.keyword for value in values if any(secret in str(value).lower() for secret in SECRETS)]
        hits += [element.keyword for value in values if isinstance(value, int | float) and abs(value - NUMBER) < 8]
        hits += [
            element.keyword for value in values if isinstance(value, bytes) and any(s.encode() in value.lower() for s in SECRETS)
        ]
    return hits


def test_no_canary_remains_of_thousands_of_places() -> None:
    source = everywhere()
    content = make_bytes(source)
    assert len([element for element in leaves(source) if NAME in str(element.value) or str(NUMBER) in str(element.value)]) > 3000
    assert set(found(content)) >= set(SECRETS)  # the search itself works
    written = write_deidentified(read_dataset(content), "P1", KEY)
    assert found(written) == []
    clean = read_dataset(written)
    assert np.array_equal(pixel_array(clean), PIXELS)
    assert written[:132] == b"\0" * 128 + b"DICM"
    assert clean.ImageType == ["ORIGINAL", "PRIMARY", "OTHER", "OTHER"]
    assert clean.Manufacturer == "SIEMENS"


def test_no_canary_remains_in_implicit_and_big_endian_files() -> None:
    for syntax in (uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian):
        source = everywhere()
        source.file_meta.TransferSyntaxUID = syntax
        if syntax == uid.ExplicitVRBigEndian:
            source.PixelData = (PIXELS | np.uint16(0xF000)).astype(">u2").tobytes()
        source["PixelData"].VR = "OW"
        stream = io.BytesIO()
        little = syntax.is_little_endian
        pydicom.dcmwrite(stream, source, implicit_vr=syntax.is_implicit_VR, little_endian=little, force_encoding=True)
        written = write_deidentified(read_dataset(stream.getvalue()), "P1", KEY)
        assert found(written) == []
        assert np.array_equal(pixel_array(read_dataset(written)), PIXELS)


def test_what_the_basic_profile_removes_is_gone() -> None:
    """Each attribute that table E.1-1 removes (X) is absent, also from a nested item."""
    removed = [tag for tag, action in _actions().items() if action.__name__ == "delete"]
    assert len(removed) > 300
    clean = deidentified(everywhere(), "P1", KEY)
    everything = {int(element.tag) for element in (*leaves(clean), *clean)}
    assert not everything & {int(tag) for tag in removed}
    assert not any(tag >> 16 & 1 or 0x5000 <= tag >> 16 <= 0x501E or 0x6000 <= tag >> 16 <= 0x601E for tag in everything)


@pytest.mark.parametrize("tag", [0x00091010, 0x60003000, 0x50003000, 0x00180000, 0x00187FFF, 0xFFFCFFFC, 0x00100010, 0x00400275])
def test_attributes_that_may_not_stay(tag: int) -> None:
    assert kind(tag) is None


def test_the_image_and_its_meaning_remain() -> None:
    values: dict[str, Any] = {
        "WindowCenter": 2000,
        "WindowWidth": 3000,
        "PixelSpacing": [0.14, 0.14],
        "KVP": 120,
        "ImagePositionPatient": [-0.3972435920682, -107.8538845075, 96.102111722187],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "SliceThickness": "0.90000003576279",
        "InstanceNumber": 87,
        "RescaleType": "HU",
        "ConvolutionKernel": "B30f",
        "PatientPosition": "HFS",
        "PatientOrientation": ["L", "F"],
        "BurnedInAnnotation": "NO",
        "Manufacturer": "SIEMENS",
    }
    source = make_dataset(PIXELS, **values)
    clean = read_dataset(write_deidentified(source, "P1", KEY))
    for keyword in (*values, "Modality", "BodyPartExamined", "ViewPosition", "PatientAge", "PatientSex"):
        assert clean[keyword].value == source[keyword].value, keyword


def test_what_was_done_is_recorded() -> None:
    clean = deidentified(make_dataset(PIXELS), "P1", KEY)
    assert (clean.PatientID, str(clean.PatientName), clean.PatientIdentityRemoved) == ("P1", "", "YES")
    codes = [(item.CodeValue, item.CodingSchemeDesignator) for item in clean.DeidentificationMethodCodeSequence]
    assert codes == [("113100", "DCM"), ("113107", "DCM"), ("113108", "DCM")]
    assert clean.LongitudinalTemporalInformationModified == "MODIFIED"
    for keyword in ("PatientBirthDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyID"):
        assert keyword in clean and not clean[keyword].value, keyword


def test_the_same_input_and_key_give_the_same_bytes() -> None:
    def rich() -> Dataset:
        return make_dataset(PIXELS, StudyDate=DATE, ReferencedImageSequence=[nested(1)])

    first = write_deidentified(rich(), "P1", KEY)
    assert first == write_deidentified(rich(), "P1", KEY)
    assert first != write_deidentified(rich(), "P1", b"another")
    assert first == write_deidentified(read_dataset(make_bytes(rich())), "P1", KEY)


def test_the_source_stays_as_it_was() -> None:
    source = everywhere()
    before = make_bytes(source)
    deidentified(source, "P1", KEY)
    assert make_bytes(source) == before


def test_uids_are_keyed_and_stay_equal_where_they_were_equal() -> None:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = uid.CTImageStorage, "1.2.3.5"
    one = deidentified(make_dataset(PIXELS, ReferencedImageSequence=[item]), "P1", KEY)
    other = deidentified(make_dataset(PIXELS, SOPInstanceUID="1.2.3.5"), "P1", KEY)
    assert one.StudyInstanceUID == other.StudyInstanceUID
    assert one.SOPInstanceUID != other.SOPInstanceUID
    assert one.ReferencedImageSequence[0].ReferencedSOPInstanceUID == other.SOPInstanceUID
    assert one.ReferencedImageSequence[0].ReferencedSOPClassUID == uid.CTImageStorage
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        value = one[keyword].value
        assert value.startswith("2.25.") and value.is_valid and len(value) <= 64
    assert deidentified(make_dataset(PIXELS, StudyInstanceUID=None), "P1", KEY).StudyInstanceUID.is_valid


def test_a_uid_that_only_looks_like_the_standards_is_replaced() -> None:
    clean = deidentified(make_dataset(PIXELS, FrameOfReferenceUID=f"1.2.840.10008.{NUMBER}"), "P1", KEY)
    assert clean.FrameOfReferenceUID.startswith("2.25.")


def days_between(one: str, other: str) -> int:
    return (np.datetime64(f"{one[:4]}-{one[4:6]}-{one[6:]}") - np.datetime64(f"{other[:4]}-{other[4:6]}-{other[6:]}")).astype(int)


def test_dates_of_a_patient_move_together() -> None:
    source = make_dataset(PIXELS, StudyDate="20240228", AcquisitionDate="20240301", AcquisitionDateTime="20240301101112.5+0100")
    clean = deidentified(source, "P1", KEY)
    assert days_between(clean.AcquisitionDate, clean.StudyDate) == 2  # 2024 has a 29th of February
    assert clean.AcquisitionDateTime == clean.AcquisitionDate
    moved = days_between("20240228", clean.StudyDate)
    assert 1 <= moved <= 3652
    again = deidentified(make_dataset(PIXELS, StudyDate="20250228"), "P1", KEY)
    assert days_between("20250228", again.StudyDate) == moved
    other = deidentified(make_dataset(PIXELS, StudyDate="20240228"), "P2", KEY)
    assert other.StudyDate != clean.StudyDate


@pytest.mark.parametrize("date", ["20230229", "2024", "2024.02.28", NAME, "00010101"])
def test_what_is_no_date_is_emptied(date: str) -> None:
    assert not deidentified(make_dataset(PIXELS, StudyDate=date), "P1", KEY).StudyDate


def test_numbers_as_long_as_an_identifier_go() -> None:
    clean = deidentified(
        make_dataset(PIXELS, SeriesNumber=10000, KVP="70012345", Exposure="99999", WindowCenter="1234567"), "P1", KEY
    )
    assert clean.SeriesNumber is None and "KVP" not in clean
    assert clean.Exposure == 99999
    assert clean.WindowCenter == 1230000  # three digits tell a window, not a patient


def test_an_essential_number_that_is_not_plausible_is_refused() -> None:
    with pytest.raises(Refusal):
        deidentified(make_dataset(PIXELS, RescaleSlope=str(NUMBER)), "P1", KEY)


def enhanced() -> Dataset:
    """Return two frames with functional groups, as an enhanced CT has them."""

    def one(keyword: str, **values: Any) -> Dataset:
        item, group = Dataset(), Dataset()
        for name, value in values.items():
            setattr(group, name, value)
        setattr(item, keyword, [group])
        return item

    shared = one("PixelMeasuresSequence", PixelSpacing=[0.5, 0.5], SliceThickness=2)
    shared.PixelValueTransformationSequence = one("X", RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU").X
    shared.FrameVOILUTSequence = one("X", WindowCenter=40, WindowWidth=400, WindowCenterWidthExplanation=NAME).X
    frames = []
    for z in (1, 2):
        frame = one("PlanePositionSequence", ImagePositionPatient=[0, 0, z])
        frame.FrameContentSequence = one("X", FrameAcquisitionDateTime=f"{DATE}1200", FrameComments=NAME, StackID="1").X
        frames.append(frame)
    return make_dataset(
        np.concatenate([PIXELS, PIXELS]),
        Rows=21,
        NumberOfFrames=2,
        SOPClassUID=uid.EnhancedCTImageStorage,
        Modality="CT",
        DeviceSerialNumber=str(NUMBER),
        ManufacturerModelName=NAME,
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=frames,
    )


def test_functional_groups_survive() -> None:
    source = enhanced()
    written = write_deidentified(source, "P1", KEY)
    assert found(written) == []
    clean = read_dataset(written)
    shared, frames = clean.SharedFunctionalGroupsSequence[0], clean.PerFrameFunctionalGroupsSequence
    assert shared.PixelMeasuresSequence[0].PixelSpacing == [0.5, 0.5]
    assert shared.PixelValueTransformationSequence[0].RescaleIntercept == -1024
    assert shared.FrameVOILUTSequence[0].WindowWidth == 400
    assert [frame.PlanePositionSequence[0].ImagePositionPatient[2] for frame in frames] == [1, 2]
    assert frames[0].FrameContentSequence[0].StackID == "1"
    assert len(frames[0].FrameContentSequence[0].FrameAcquisitionDateTime) == 8
    assert (clean.DeviceSerialNumber, clean.ManufacturerModelName) == ("ANONYMIZED", "ANONYMIZED")  # required there
    assert np.array_equal(pixel_array(clean), pixel_array(source))


def test_known_codes_stay_with_the_standards_meaning() -> None:
    items = []
    for value, scheme in (("T-A0100", "SRT"), ("113076", "DCM"), ("113076", "99ZYXWORT"), ("QUANDREL", "DCM")):
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, NAME
        items.append(item)
    clean = deidentified(make_dataset(PIXELS, DerivationCodeSequence=items), "P1", KEY)
    kept = [(item.CodeValue, item.CodeMeaning) for item in clean.DerivationCodeSequence]
    assert kept == [("T-A0100", "Brain structure (body structure)"), ("113076", "Segmentation")]


def encapsulated(frames: list[bytes], pixels: NDArray[Any], syntax: str, stored: int = 8, **attributes: Any) -> Dataset:
    dataset = make_dataset(pixels, stored=stored, **attributes)
    dataset.file_meta.TransferSyntaxUID = uid.UID(syntax)
    dataset.PixelData = encapsulate(frames)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return dataset


def test_jpeg_stays_jpeg_without_its_comments() -> None:
    frames = [
        make_raster(GREY, "JPEG", comment=NAME.encode()) + NAME.encode() * 2,
        make_raster(GREY[::-1], "JPEG", exif=b"Exif\0\0" + NAME.encode()),
    ]
    source = encapsulated(frames, GREY, uid.JPEGBaseline8Bit, NumberOfFrames=2)
    written = write_deidentified(read_dataset(make_bytes(source)), "P1", KEY)
    assert found(written) == []
    clean = read_dataset(written)
    assert clean.file_meta.TransferSyntaxUID == uid.JPEGBaseline8Bit
    assert np.array_equal(pixel_array(clean), pixel_array(source))
    assert len(list(generate_frames(clean.PixelData, number_of_frames=2))) == 2


def test_jpeg_2000_stays_so_without_its_comments() -> None:
    stream = bytes(encode_array(GREY, photometric_interpretation=2, use_mct=False))
    comment = b"\xff\x64" + (4 + len(NAME)).to_bytes(2, "big") + b"\0\x01" + NAME.encode()
    start = stream.index(b"\xff\x90\x00\x0a")
    source = encapsulated([stream[:start] + comment + stream[start:] + NAME.encode()], GREY, uid.JPEG2000Lossless)
    written = write_deidentified(source, "P1", KEY)
    assert found(written) == []
    clean = read_dataset(written)
    assert clean.file_meta.TransferSyntaxUID == uid.JPEG2000Lossless
    assert np.array_equal(pixel_array(clean), GREY)


def test_overlay_bits_in_a_compressed_image_are_cleared() -> None:
    low = ramp(32, 48, 4095)
    pixels = low | np.uint16(0x8000)
    stream = bytes(encode_array(pixels, bits_stored=16, photometric_interpretation=2, use_mct=False))
    source = encapsulated([stream], pixels, uid.JPEG2000Lossless, stored=12)
    clean = deidentified(source, "P1", KEY)
    assert clean.file_meta.TransferSyntaxUID == uid.ExplicitVRLittleEndian
    assert clean.PixelData == low.tobytes()


def test_frames_that_are_missing_are_refused() -> None:
    source = encapsulated([make_raster(GREY, "JPEG")], GREY, uid.JPEGBaseline8Bit, NumberOfFrames=2)
    with pytest.raises(Refusal) as caught:
        deidentified(source, "P1", KEY)
    assert caught.value.code == "unreadable_image"


def test_run_lengths_and_deflated_files_become_plain() -> None:
    source = make_dataset(PIXELS)
    source.compress(uid.RLELossless)
    deflated = make_dataset(PIXELS)
    deflated.file_meta.TransferSyntaxUID = uid.DeflatedExplicitVRLittleEndian
    for dataset in (source, deflated):
        clean = read_dataset(write_deidentified(read_dataset(make_bytes(dataset)), "P1", KEY))
        assert clean.file_meta.TransferSyntaxUID == uid.ExplicitVRLittleEndian
        assert np.array_equal(pixel_array(clean), PIXELS)


def test_colour_in_run_lengths_keeps_its_samples() -> None:
    pixels = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=-1)
    attributes = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    source = make_dataset(pixels, stored=8, **attributes)
    source.compress(uid.RLELossless)
    assert np.array_equal(pixel_array(deidentified(source, "P1", KEY)), pixels)


def test_a_high_bit_that_is_not_the_last_is_moved() -> None:
    pixels = (PIXELS << np.uint16(4)) | np.uint16(0x000F)
    clean = deidentified(make_dataset(pixels, HighBit=15), "P1", KEY)
    assert clean.HighBit == 11
    assert np.array_equal(pixel_array(clean), PIXELS)


def test_signed_values_keep_their_sign() -> None:
    pixels = (ramp(21, 31, 4095).astype(np.int16) - 2048).astype(np.int16)
    hidden = (pixels.view(np.uint16) & np.uint16(0x0FFF)) | np.uint16(0x5000)
    clean = deidentified(make_dataset(hidden.view(np.int16), stored=12), "P1", KEY)
    assert np.array_equal(np.frombuffer(clean.PixelData[: pixels.nbytes], "<i2").reshape(pixels.shape), pixels)


def test_bits_behind_a_mask_are_cleared() -> None:
    bits = np.arange(3 * 5 * 5).reshape(3, 5, 5) % 2
    packed = np.packbits(np.concatenate([bits.ravel(), np.ones(5, int)]), bitorder="little").astype(np.uint8)
    source = make_dataset(packed[None], stored=1, Rows=5, Columns=5, NumberOfFrames=3, BitsAllocated=1)
    source.PixelData = packed.tobytes() + NAME.encode()
    clean = deidentified(source, "P1", KEY)
    assert clean.PixelData == packed[:9].tobytes() + bytes((packed[9] & 0b111,))
    assert np.array_equal(pixel_array(clean), bits)


@pytest.mark.parametrize(("dtype", "keyword"), [("<f4", "FloatPixelData"), ("<f8", "DoubleFloatPixelData")])
def test_floating_point_pixels(dtype: str, keyword: str) -> None:
    source = make_dataset(PIXELS, BitsAllocated=8 * int(dtype[2]), BitsStored=None, HighBit=None, PixelRepresentation=None)
    del source.PixelData
    values = (PIXELS / 7).astype(dtype)
    setattr(source, keyword, values.tobytes() + NAME.encode())
    clean = read_dataset(write_deidentified(source, "P1", KEY))
    assert clean[keyword].value == values.tobytes()


def test_tables_end_with_their_last_entry() -> None:
    item = Dataset()
    item.LUTDescriptor, item.LUTExplanation = [4, 0, 16], NAME
    item.add_new("LUTData", "OW", np.arange(4, dtype="<u2").tobytes() + NAME.encode())
    palette = {f"{colour}PaletteColorLookupTableDescriptor": [2, 0, 16] for colour in ("Red", "Green", "Blue")}
    source = make_dataset(PIXELS, VOILUTSequence=[item], **palette)
    for colour in ("Red", "Green", "Blue"):
        source.add_new(f"{colour}PaletteColorLookupTableData", "OW", b"\1\2\3\4" + NAME.encode())
    source.add_new("SegmentedRedPaletteColorLookupTableData", "OW", np.array([0, 1, 7, 1, 1, 9], "<u2").tobytes() + NAME.encode())
    written = write_deidentified(source, "P1", KEY)
    assert found(written) == []
    clean = read_dataset(written)
    assert clean.VOILUTSequence[0]["LUTData"].value in ([0, 1, 2, 3], np.arange(4, dtype="<u2").tobytes())
    assert clean.RedPaletteColorLookupTableData == b"\1\2\3\4"
    assert len(clean.SegmentedRedPaletteColorLookupTableData) == 12


def test_truncated_pixels_are_refused() -> None:
    source = make_dataset(PIXELS)
    source.PixelData = source.PixelData[:-10]
    with pytest.raises(Refusal) as caught:
        deidentified(source, "P1", KEY)
    assert caught.value.code == "unreadable_image"


@pytest.mark.parametrize("syntax", [uid.MPEG2MPML, "1.2.840.10008.1.2.4.110", f"1.2.{NUMBER}"])
def test_pixels_that_cannot_be_cleaned_are_refused(syntax: str) -> None:
    with pytest.raises(Refusal) as caught:
        deidentified(encapsulated([b"\0" * 100], GREY, syntax), "P1", KEY)
    assert caught.value.code == "unreadable_image" and str(NUMBER) not in caught.value.message


@pytest.mark.parametrize(("age", "kept"), [("089Y", "089Y"), ("090Y", "090Y"), ("101Y", "090Y"), ("3Y", "003Y"), ("Jane", None)])
def test_the_oldest_ages_are_joined(age: str, kept: str | None) -> None:
    assert deidentified(make_dataset(PIXELS, PatientAge=age), "P1", KEY).get("PatientAge") == kept


def test_free_text_in_a_code_is_dropped() -> None:
    assert not deidentified(make_dataset(PIXELS, BodyPartExamined="Thorax von Jane Doe"), "P1", KEY).BodyPartExamined
    assert deidentified(make_dataset(PIXELS, Modality="JD"), "P1", KEY).Modality == "OT"


@pytest.mark.parametrize("word", ["YES", "NO"])
def test_what_a_file_says_of_burnt_in_text_stays(word: str) -> None:
    assert deidentified(make_dataset(PIXELS, BurnedInAnnotation=word), "P1", KEY).BurnedInAnnotation == word


def test_a_value_of_another_vr_goes() -> None:
    source = make_dataset(PIXELS)
    source[0x00180060] = DataElement(0x00180060, "LO", NAME)
    assert Tag(0x00180060) not in deidentified(source, "P1", KEY)


def test_damaged_files_are_refused_or_come_out_clean() -> None:
    random = np.random.default_rng(0)
    whole = make_bytes(make_dataset(PIXELS, StudyDate=DATE, ImageComments=NAME, ReferencedImageSequence=[nested(2)]))
    cleaned = 0
    for _ in range(150):
        damaged = bytearray(whole)
        for place in random.integers(132, len(whole) - PIXELS.nbytes, 3):
            damaged[place] = random.integers(256)
        try:
            written = write_deidentified(read_dataset(bytes(damaged)), "P1", KEY)
        except Refusal:
            continue
        cleaned += 1
        assert b"Zyxwort" not in written and DATE.encode() not in written
    assert cleaned > 50


def test_pseudonyms() -> None:
    # HMAC-SHA256(key, "The quick brown fox jumps over the lazy dog"), a published example
    assert pseudonym(b"key", "The quick brown fox jumps over the lazy dog") == "Pf7bc83f430538424"
    assert pseudonym(b"other", "MRN-0042") != pseudonym(b"key", "MRN-0042")


def test_doing_it_again_changes_no_pixel_and_no_meaning() -> None:
    once = write_deidentified(read_dataset(make_dicom(PIXELS, WindowCenter=2000, WindowWidth=3000)), "P1", KEY)
    twice = read_dataset(write_deidentified(read_dataset(once), "P1", KEY))
    assert np.array_equal(pixel_array(twice), PIXELS)
    assert (twice.WindowCenter, twice.PatientAge) == (2000, "040Y")
