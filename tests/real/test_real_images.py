"""Real and hostile files: each is read, or refused with a code; nothing else happens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radloop.errors import Refusal
from radloop.images.decode import Decoded, decode
from radloop.images.quality import quality


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
