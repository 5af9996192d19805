"""De-identification: only what is listed gets through."""

from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from radloop.errors import Refusal
from radloop.images.deidentify import deidentified, pseudonym, write_deidentified
from radloop.images.dicom import read_dataset, read_dicom
from tests.image_files import make_dataset, make_dicom, make_raster, ramp

PIXELS = ramp(21, 31, 4095)
KEY = b"key of a test"
SECRETS = ("Doe", "Jane", "MRN", "19800101", "General Hospital", "1.2.3", "SCANNER", "burnt")


def rich_dataset() -> Dataset:
    """Return a data set that holds identifiers wherever they usually hide."""
    dataset = make_dataset(
        PIXELS,
        PatientBirthDate="19800101",
        StudyDate="19800101",
        InstitutionName="General Hospital",
        StationName="SCANNER",
        ImageComments="Jane Doe",
        WindowCenter=2000,
        WindowWidth=3000,
        WindowCenterWidthExplanation="Jane",
        PixelSpacing=[0.14, 0.14],
        KVP=120,
    )
    dataset.add_new(0x00091010, "LO", "Jane Doe")
    dataset.add_new(0x60000010, "US", 21)
    dataset.add_new(0x60003000, "OW", b"burnt in" * 11)
    item = Dataset()
    item.ReferencedSOPInstanceUID = "1.2.3.9"
    dataset.ReferencedImageSequence = [item]
    return dataset


def test_nothing_of_the_patient_remains() -> None:
    written = write_deidentified(rich_dataset(), "P1", KEY)
    for secret in SECRETS:
        assert secret.encode() not in written, secret
    dataset = read_dataset(written)
    assert (dataset.PatientID, str(dataset.PatientName), dataset.PatientIdentityRemoved) == ("P1", "", "YES")
    assert dataset.DeidentificationMethod
    assert not any(element.tag.is_private or element.tag.group == 0x6000 for element in dataset)


def test_the_image_and_its_meaning_remain() -> None:
    source = rich_dataset()
    clean = read_dataset(write_deidentified(source, "P1", KEY))
    for keyword in (
        "Modality",
        "BodyPartExamined",
        "ViewPosition",
        "PatientAge",
        "PatientSex",
        "WindowCenter",
        "PixelSpacing",
        "KVP",
    ):
        assert clean[keyword].value == source[keyword].value, keyword
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, source, enforce_file_format=True)
    assert np.array_equal(read_dicom(write_deidentified(source, "P1", KEY))[0], read_dicom(stream.getvalue())[0])


def test_the_same_input_and_key_give_the_same_bytes() -> None:
    first = write_deidentified(rich_dataset(), "P1", KEY)
    assert first == write_deidentified(rich_dataset(), "P1", KEY)
    assert first != write_deidentified(rich_dataset(), "P1", b"another")
    assert first == write_deidentified(read_dataset(make_bytes(rich_dataset())), "P1", KEY)


def make_bytes(dataset: Dataset) -> bytes:
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def test_uids_are_keyed_and_stay_equal_where_they_were_equal() -> None:
    one = deidentified(make_dataset(PIXELS), "P1", KEY)
    other = deidentified(make_dataset(PIXELS, SOPInstanceUID="1.2.3.5"), "P1", KEY)
    assert one.StudyInstanceUID == other.StudyInstanceUID
    assert one.SOPInstanceUID != other.SOPInstanceUID
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        value = one[keyword].value
        assert value.startswith("2.25.") and value.is_valid and len(value) <= 64
    assert deidentified(make_dataset(PIXELS, StudyInstanceUID=None), "P1", KEY).StudyInstanceUID.is_valid


def test_overlay_bits_in_the_pixels_are_dropped() -> None:
    clean = deidentified(make_dataset(PIXELS | np.uint16(0xF000)), "P1", KEY)
    assert clean.PixelData == deidentified(make_dataset(PIXELS), "P1", KEY).PixelData


def test_compressed_pixels_are_stored_plainly_without_their_comments() -> None:
    grey = PIXELS.astype(np.uint8)
    dataset = make_dataset(grey, stored=8)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.JPEGBaseline8Bit
    dataset.PixelData = encapsulate([make_raster(grey, "JPEG", comment=b"Jane Doe")])
    dataset["PixelData"].is_undefined_length = True
    content = make_bytes(dataset)
    assert b"Jane Doe" in content
    written = write_deidentified(read_dataset(content), "P1", KEY)
    assert b"Jane Doe" not in written
    assert np.array_equal(read_dicom(written)[0], read_dicom(content)[0])


@pytest.mark.parametrize(("age", "kept"), [("089Y", "089Y"), ("090Y", "090Y"), ("101Y", "090Y"), ("Jane", None)])
def test_the_oldest_ages_are_joined(age: str, kept: str | None) -> None:
    assert deidentified(make_dataset(PIXELS, PatientAge=age), "P1", KEY).get("PatientAge") == kept


def test_free_text_in_a_code_is_dropped() -> None:
    assert "BodyPartExamined" not in deidentified(make_dataset(PIXELS, BodyPartExamined="Thorax von Jane Doe"), "P1", KEY)


def test_burnt_in_text_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        deidentified(make_dataset(PIXELS, BurnedInAnnotation="YES"), "P1", KEY)
    assert caught.value.code == "burned_in_annotation"


def test_damaged_files_are_refused_or_come_out_clean() -> None:
    random = np.random.default_rng(0)
    whole = make_bytes(rich_dataset())
    for _ in range(100):
        damaged = bytearray(whole)
        for place in random.integers(132, len(whole) - PIXELS.nbytes, 3):
            damaged[place] = random.integers(256)
        try:
            written = write_deidentified(read_dataset(bytes(damaged)), "P1", KEY)
        except Refusal:
            continue
        assert b"Jane" not in written and b"19800101" not in written


def test_pseudonyms() -> None:
    # HMAC-SHA256(key, "The quick brown fox jumps over the lazy dog"), a published example
    assert pseudonym(b"key", "The quick brown fox jumps over the lazy dog") == "Pf7bc83f430538424"
    assert pseudonym(b"other", "MRN-0042") != pseudonym(b"key", "MRN-0042")


def test_reading_it_again_changes_nothing() -> None:
    content = make_dicom(PIXELS, WindowCenter=2000, WindowWidth=3000)
    once = write_deidentified(read_dataset(content), "P1", KEY)
    assert np.array_equal(read_dicom(content)[0], read_dicom(once)[0])
