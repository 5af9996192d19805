"""Real and hostile files: each is read, or refused with a code; nothing else happens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radloop.errors import Refusal
from radloop.images.decode import Decoded, decode
from radloop.images.deidentify import write_deidentified
from radloop.images.dicom import read_dataset
from radloop.images.quality import quality

CODES = {
    "HTJ2K_08_RGB.dcm": "colour_image",
    "MR_truncated.dcm": "unreadable_image",
    "OBXXXX1A_rle_2frame.dcm": "multi_frame",
    "OT-PAL-8-face.dcm": "colour_image",
    "SC_rgb_expb_16bit.dcm": "colour_image",
    "dwv-test_no-number-rows.dcm": "unreadable_image",
    "emri_small_big_endian.dcm": "multi_frame",
    "emri_small_jpeg_2k_lossless_too_short.dcm": "unreadable_image",
    "nema-mr1_jply.dcm": "unreadable_image",
    "reportsi.dcm": "unreadable_image",
    "rtplan.dcm": "unreadable_image",
}
READ = (
    "J2K_pixelrep_mismatch.dcm",
    "JPEG-LL.dcm",
    "MR-SIEMENS-DICOM-WithOverlays.dcm",
    "MR2_J2KI.dcm",
    "bad_sequence.dcm",
    "explicit_VR-UN.dcm",
    "parametric_map_double_float.dcm",
    "vlut_04.dcm",
)


def outcome(path: Path) -> Decoded | str:
    try:
        return decode(path)
    except Refusal as refusal:
        return refusal.code


@pytest.mark.parametrize("folder", ["cxr_dicom", "dicom-edge", "dicom-ct-multi-patient", "dicom-mr-series-sag", "mednist-64"])
def test_every_file_is_read_or_refused(real_data: Path, folder: str) -> None:
    read = 0
    for path in sorted(path for path in (real_data / folder).rglob("*") if path.is_file()):
        found = outcome(path)
        if isinstance(found, Decoded):
            read += 1
            assert found.pixels.dtype == np.uint8
            assert found.pixels.shape == (found.header.rows, found.header.columns)
            assert 0.0 <= quality(found.pixels).mean <= 1.0
    assert read > 0


def test_hostile_files(real_data: Path) -> None:
    for name, code in CODES.items():
        assert outcome(real_data / "dicom-edge" / name) == code, name
    for name in READ:
        assert isinstance(outcome(real_data / "dicom-edge" / name), Decoded), name


def test_dense_is_bright_in_monochrome1(real_data: Path) -> None:
    decoded = decode(real_data / "cxr_dicom" / "RG1_J2KR.dcm")
    assert decoded.header.photometric == "MONOCHROME1"
    rows, columns = decoded.pixels.shape
    middle = decoded.pixels[rows // 3 : 2 * rows // 3]
    # the spine and the heart are denser than the lungs beside them
    assert middle[:, columns * 9 // 20 : columns * 11 // 20].mean() > middle[:, columns // 5 : columns // 3].mean()


def test_headers(real_data: Path) -> None:
    header = decode(real_data / "cxr_dicom" / "rsna_c64d5667_AP_F.dcm").header
    assert (header.modality, header.body_part, header.view, header.sex) == ("CR", "CHEST", "AP", "F")


def test_a_series_that_was_badly_de_identified_is_clean_afterwards(real_data: Path) -> None:
    for path in sorted((real_data / "dicom-mr-series-sag").rglob("*.dcm")):
        source = read_dataset(path)
        keywords = ("PatientBirthDate", "StudyDate", "StationName", "DeviceSerialNumber", "StudyInstanceUID", "SOPInstanceUID")
        secrets = [str(source.get(keyword) or "") for keyword in keywords]
        written = write_deidentified(source, "P0123456789abcdef", b"key")
        assert not [secret for secret in secrets if len(secret) > 3 and secret.encode() in written]
        assert np.array_equal(decode(written).pixels, decode(path).pixels)
