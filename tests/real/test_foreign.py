"""Other body parts and devices sent to a chest model that knows the Shenzhen radiographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radloop.configuration import read_use_case
from radloop.errors import InadmissibleImage
from radloop.images.decode import decode
from radloop.inference.predictor import Predictor
from tests.familiar import make_familiar_bundle
from tests.image_files import make_raster
from tests.installations import ROOT

FOREIGN = ("AbdomenCT", "BreastMRI", "ChestCT", "Hand", "HeadCT")
EACH = 20


def code(predictor: Predictor, pixels: NDArray[np.uint8]) -> str | None:
    """Return why an image is refused, brought to 64 px and back; None where it is answered."""
    small = Image.fromarray(pixels).resize((64, 64), Image.Resampling.BILINEAR)
    try:
        predictor.predict(make_raster(np.asarray(small.resize((256, 256), Image.Resampling.BILINEAR))))
    except InadmissibleImage as refusal:
        return refusal.code
    return None


def test_hands_heads_and_abdomens_are_refused_and_radiographs_are_not(real_data: Path, tmp_path: Path) -> None:
    radiographs = [decode(path).pixels for path in sorted((real_data / "tb_shenzhen_256" / "images").glob("*.jpg"))]
    order = np.random.default_rng(3).permutation(len(radiographs))
    learnt, held, own = (([radiographs[k] for k in order[start:end]]) for start, end in ((0, 128), (128, 256), (256, 316)))
    spec = read_use_case(ROOT / "configs" / "use_cases" / "tb-cxr.yaml").image
    predictor = Predictor(make_familiar_bundle(tmp_path, learnt, held, spec))
    for part in FOREIGN:
        paths = sorted((real_data / "mednist-64" / part).iterdir())[:EACH]
        refused = [code(predictor, decode(path).pixels) for path in paths]
        assert sum(found is not None for found in refused) >= 0.95 * EACH, (part, refused)
    admitted = sum(code(predictor, pixels) is None for pixels in own)
    assert admitted >= 0.95 * len(own), admitted
