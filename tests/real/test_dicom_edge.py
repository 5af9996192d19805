"""The 29 hostile files and four radiographs: each decoded to the right pixels, or refused with a code, and why.

The second decoder is pydicom's `pixel_array` where it reads the file, and otherwise another way to the same
bytes, written out below.
"""

from __future__ import annotations

import io
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from libjpeg import decode as jpeg
from numpy.typing import NDArray
from openjpeg import decode as jpeg2000
from PIL import Image
from pydicom.encaps import generate_frames
from pydicom.pixels.processing import apply_color_lut, apply_windowing

from radloop.errors import Refusal
from radloop.images.decode import Decoded, decode, read_frames
from radloop.images.pool import Pool
from radloop.images.series import sort_series
from radloop.use_case import ImageSpec, Window

PYDICOM, BYTES, INFLATED, MENDED = "pydicom", "plain bytes", "zlib", "libjpeg"

EDGE: dict[str, tuple[str, int | str]] = {
    # name: (the second decoder, frames), or (refusal, why)
    "HTJ2K_08_RGB.dcm": (PYDICOM, 1),
    "J2K_pixelrep_mismatch.dcm": (PYDICOM, 1),
    "JLSN_RGB_ILV0.dcm": (PYDICOM, 1),
    "JPEG-LL.dcm": (PYDICOM, 1),
    "JPGLosslessP14SV1_1s_1f_8b.dcm": (PYDICOM, 1),
    "MR-SIEMENS-DICOM-WithOverlays.dcm": (PYDICOM, 1),
    "MR2_J2KI.dcm": (PYDICOM, 1),
    "MR_truncated.dcm": ("unreadable_image", "62 bytes of the pixels are missing"),
    "OBXXXX1A_rle_2frame.dcm": (PYDICOM, 2),
    "OT-PAL-8-face.dcm": (BYTES, 1),
    "SC_rgb_expb_16bit.dcm": (PYDICOM, 1),
    "SC_ybr_full_uncompressed.dcm": (PYDICOM, 1),
    "US1_J2KR.dcm": (PYDICOM, 1),
    "bad_sequence.dcm": (PYDICOM, 1),
    "dwv-test_no-number-rows.dcm": ("unreadable_image", "Rows is missing, and a guess is no size"),
    "eCT_Supplemental.dcm": (PYDICOM, 2),
    "emri_small_RLE.dcm": (PYDICOM, 10),
    "emri_small_big_endian.dcm": (PYDICOM, 10),
    "emri_small_jpeg_2k_lossless_too_short.dcm": ("unreadable_image", "the file ends inside its pixels"),
    "explicit_VR-UN.dcm": (PYDICOM, 1),
    "gdcm-US-ALOKA-16_big.dcm": (PYDICOM, 1),
    "liver_deflate.dcm": (INFLATED, 3),
    "liver_rle.dcm": (INFLATED, 3),
    "nema-mr1_jply.dcm": (MENDED, 1),
    "no_meta.dcm": (BYTES, 1),
    "parametric_map_double_float.dcm": (PYDICOM, 1),
    "reportsi.dcm": ("no_image", "a structured report"),
    "rtplan.dcm": ("no_image", "a radiotherapy plan"),
    "vlut_04.dcm": (PYDICOM, 1),
}


def dataset(path: Path) -> pydicom.Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path, force=True)


def second_opinion(path: Path, decoder: str) -> NDArray[Any]:
    """Return the stored values of all frames, not by our code."""
    content = path.read_bytes()
    if path.name == "no_meta.dcm":  # one stray byte, then explicit little endian without file meta
        place = content.index(b"\xe0\x7f\x10\x00OW\0\0") + 12
        return np.frombuffer(content, "<i2", 128 * 128, place).reshape(128, 128)
    if decoder == BYTES:
        found = dataset(path)
        return np.frombuffer(found.PixelData, np.uint8).reshape(found.Rows, found.Columns)
    if decoder == INFLATED:  # both files hold the same three masks
        found = dataset(path.with_name("liver_deflate.dcm"))
        packed = b"".join(zlib.decompress(frame, -15) for frame in generate_frames(found.PixelData, number_of_frames=3))
        return np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little").reshape(3, 512, 512)
    if decoder == MENDED:  # the scan header says 0 to 0 where a sequential JPEG must say 0 to 63
        stream = bytearray(next(generate_frames(dataset(path).PixelData, number_of_frames=1)))
        stream[stream.index(b"\xff\xda") + 8] = 63
        return np.asarray(jpeg(bytes(stream)))
    return np.asarray(dataset(path).pixel_array)


def outcome(path: Path) -> list[Decoded] | str:
    try:
        return list(read_frames(path))
    except Refusal as refusal:
        return refusal.code


def test_the_table_names_every_file(real_data: Path) -> None:
    assert sorted(EDGE) == sorted(path.name for path in (real_data / "dicom-edge").glob("*.dcm"))
    assert len(EDGE) == 29


@pytest.mark.parametrize("name", EDGE)
def test_every_file_is_decoded_rightly_or_refused(real_data: Path, name: str) -> None:
    path = real_data / "dicom-edge" / name
    decoder, frames = EDGE[name]
    found = outcome(path)
    if isinstance(frames, str):
        assert found == decoder
        return
    assert isinstance(found, list)
    assert len(found) == frames == found[0].header.frames
    expected = second_opinion(path, decoder)
    stored = np.stack([one.stored for one in found]) if frames > 1 else found[0].stored
    assert stored.shape == expected.shape
    if name == "SC_ybr_full_uncompressed.dcm":  # pydicom's matrix has other roundings
        assert np.abs(stored.astype(int) - expected.astype(int)).max() <= 1
    else:
        assert np.array_equal(stored, expected)
    for one in found:
        assert one.pixels.shape == (one.header.rows, one.header.columns)
        assert one.pixels.dtype == np.uint8
        assert one.pixels.min() < one.pixels.max()


def test_codecs_agree_with_direct_calls(real_data: Path) -> None:
    """Not through pydicom: the streams to other decoders, or to the same ones by hand."""
    folder = real_data / "dicom-edge"

    def stream(name: str) -> bytes:
        return next(generate_frames(dataset(folder / name).PixelData, number_of_frames=1))

    assert np.array_equal(decode(folder / "US1_J2KR.dcm").stored, np.asarray(Image.open(io.BytesIO(stream("US1_J2KR.dcm")))))
    assert np.array_equal(decode(folder / "HTJ2K_08_RGB.dcm").stored, jpeg2000(stream("HTJ2K_08_RGB.dcm")))
    assert np.array_equal(decode(folder / "JLSN_RGB_ILV0.dcm").stored, jpeg(stream("JLSN_RGB_ILV0.dcm")))
    unsigned = jpeg2000(stream("J2K_pixelrep_mismatch.dcm")).astype(int)  # 13 bits, to be read as two's complement
    assert np.array_equal(
        decode(folder / "J2K_pixelrep_mismatch.dcm").stored, np.where(unsigned >= 4096, unsigned - 8192, unsigned)
    )


def test_palettes_agree_with_pydicom(real_data: Path) -> None:
    for name in ("OBXXXX1A_rle_2frame.dcm", "OT-PAL-8-face.dcm", "gdcm-US-ALOKA-16_big.dcm"):
        path = real_data / "dicom-edge" / name
        shown = decode(path, frame=0)
        colour = apply_color_lut(shown.stored, dataset(path)).astype(float)
        grey = colour @ [0.299, 0.587, 0.114] * (255 / 65535 if colour.max() > 255 else 1)
        assert np.abs(shown.pixels - grey).max() <= 1.0, name


def test_windows_agree_with_pydicom(real_data: Path) -> None:
    for name in ("MR-SIEMENS-DICOM-WithOverlays.dcm", "JPGLosslessP14SV1_1s_1f_8b.dcm", "nema-mr1_jply.dcm"):
        path = real_data / "dicom-edge" / name
        shown, found = decode(path), dataset(path)
        windowed = apply_windowing(shown.stored, found)
        assert np.abs(shown.pixels - windowed / ((1 << found.BitsStored) - 1) * 255).max() <= 0.51, name


def test_hounsfield(real_data: Path) -> None:
    window = Window(center=40, width=401)
    spec = ImageSpec(modalities=("CT",), body_parts=(), pixel_domain="hounsfield", window=window, size=64)
    folder = real_data / "dicom-edge"
    for name in ("bad_sequence.dcm", "J2K_pixelrep_mismatch.dcm", "explicit_VR-UN.dcm", "no_meta.dcm"):
        shown, found = decode(folder / name, spec), dataset(folder / name)
        intercept = -1024.0 if name == "no_meta.dcm" else float(found.RescaleIntercept)
        units = shown.stored + intercept  # the slope is 1 in all of them
        assert np.abs(shown.pixels - np.clip((units - 39.5) / 400 + 0.5, 0, 1) * 255).max() <= 0.51, name
    for name, code in {
        "eCT_Supplemental.dcm": "no_hounsfield",  # a third of its pixels are blood flow in colour
        "vlut_04.dcm": "no_hounsfield",
        "MR2_J2KI.dcm": "no_hounsfield",
        "US1_J2KR.dcm": "no_hounsfield",
    }.items():
        with pytest.raises(Refusal) as caught:
            decode(folder / name, spec, frame=0)
        assert caught.value.code == code


def test_workers_decode_the_same(real_data: Path) -> None:
    with Pool(1) as pool:
        for path in sorted((real_data / "dicom-edge").glob("*.dcm")):
            found = outcome(path)
            try:
                facts, _ = pool.call("radloop.images.decode:census_reply", path.read_bytes(), None, size=path.stat().st_size)
                assert isinstance(found, list)
                assert facts["frames"] == len(found)
            except Refusal as refusal:
                assert refusal.code == found


def test_radiographs(real_data: Path) -> None:
    folder = real_data / "cxr_dicom"
    for path in sorted(folder.glob("*.dcm")):
        decoded = decode(path)
        assert np.array_equal(decoded.stored, dataset(path).pixel_array), path.name
        assert (decoded.header.modality, decoded.header.body_part, decoded.header.view) == (
            "CR",
            "CHEST",
            path.stem.split("_")[-2][:2] if "rsna" in path.name else "PA",
        )
    decoded = decode(folder / "RG1_J2KR.dcm")
    assert decoded.header.photometric == "MONOCHROME1"
    rows, columns = decoded.pixels.shape
    middle = decoded.pixels[rows // 3 : 2 * rows // 3]
    # the spine and the heart are denser than the lungs beside them
    assert middle[:, columns * 9 // 20 : columns * 11 // 20].mean() > middle[:, columns // 5 : columns // 3].mean()


def test_a_real_series_lies_in_order(real_data: Path) -> None:
    slices = [decode(path) for path in sorted((real_data / "dicom-mr-series-sag").rglob("*.dcm"))]
    series = sort_series(slices[::-1], lambda one: (one.header.position, one.header.instance))
    assert (len(series.slices), series.by, series.repeated) == (8, "position", ())
    places = [one.header.position for one in series.slices if one.header.position is not None]
    assert places == sorted(places)
    assert series.spacing is not None
    assert series.spacing > 0


def test_every_ct_and_mr_slice_is_decoded(real_data: Path) -> None:
    for folder in ("dicom-ct-multi-patient", "dicom-mr-series-sag"):
        paths = sorted((real_data / folder).rglob("*.dcm"))
        assert paths
        for path in paths:
            assert np.array_equal(decode(path).stored, dataset(path).pixel_array)
