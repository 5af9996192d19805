"""Text in real images: ultrasound screens hold it, radiographs and slices hardly ever."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radloop.images.burned_in import has_text, text_lines
from radloop.images.decode import read_frames

LIMITS = {
    "tb_shenzhen_256": 0.0,
    "kermany_pneumonia_224": 0.01,  # times and kilovolts, truly there
    "nih_chestxray14_1000_64": 0.0,
    "brain-mri-tumor-4class": 0.01,
    "kidney-ct-4class": 0.01,
    "cervical-spine-fracture": 0.01,
    "cxr_dicom": 0.0,
    "dicom-ct-multi-patient": 0.0,
}
SCREENS = {"US1_J2KR.dcm": 10, "gdcm-US-ALOKA-16_big.dcm": 4, "JPGLosslessP14SV1_1s_1f_8b.dcm": 10}


@pytest.mark.parametrize("folder", LIMITS)
def test_clean_folders_are_hardly_ever_flagged(real_data: Path, folder: str) -> None:
    paths = sorted(path for path in (real_data / folder).rglob("*") if path.suffix in (".dcm", ".png", ".jpg", ".jpeg"))
    paths = [path for path in paths if "mask" not in str(path)]
    chosen = np.random.default_rng(0).permutation(len(paths))[:300]
    flagged = [has_text(next(iter(read_frames(paths[number]))).pixels) for number in chosen]
    assert len(flagged) > 0
    assert sum(flagged) <= LIMITS[folder] * len(flagged)


@pytest.mark.parametrize("name", SCREENS)
def test_screens_are_full_of_lines(real_data: Path, name: str) -> None:
    path = real_data / "dicom-edge" / name
    if not path.is_file():
        pytest.skip(f"RADLOOP_REAL_DATA has no dicom-edge/{name}")
    assert len(text_lines(next(iter(read_frames(path))).pixels)) >= SCREENS[name]
