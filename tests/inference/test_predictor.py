"""From a file to an answer."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radloop.errors import InadmissibleImage, InputError, IntegrityError, Refusal
from radloop.images.decode import decode
from radloop.images.preprocessing import prepare
from radloop.inference.bundle import SELFTEST
from radloop.inference.predictor import Predictor
from tests.bundles import make_bundle, make_images
from tests.image_files import make_dicom, make_raster

IMAGE = make_images(1, seed=9, size=128)[0]


def test_the_answer_says_what_and_by_which_model(predictor: Predictor, sealed: Path) -> None:
    answer = predictor.predict(make_dicom(IMAGE, stored=8), request_id="abc")
    scored = predictor.score(make_dicom(IMAGE, stored=8))
    finding = answer.findings[0]
    assert (finding.label, finding.threshold, finding.boxes) == ("tuberculosis", 0.42, None)
    # temperature 1.5, worked without the library
    assert finding.probability == pytest.approx(1 / (1 + np.exp(-scored.logit / 1.5)), abs=1e-12)
    assert finding.positive is (finding.probability >= 0.42)
    assert (answer.request_id, answer.use_case, answer.model.version) == ("abc", "tb-cxr", 1)
    assert (answer.model.bundle, answer.model.data_version) == (f"sha256:{sealed.name}", "9f3c.dir")
    share = finding.probability
    assert answer.uncertainty == pytest.approx(-share * np.log2(share) - (1 - share) * np.log2(1 - share))
    assert (answer.prediction_set, answer.abstained, answer.severity, answer.recorded) == (None, None, None, False)
    assert [text.partition(":")[0] for text in answer.warnings] == ["display_window"]


def test_scoring_is_decoding_preparing_and_running(predictor: Predictor) -> None:
    content = make_raster(IMAGE)
    scored = predictor.score(content)
    prepared = prepare(decode(content).pixels, predictor.facts.image)
    with np.load(predictor.bundle.content / SELFTEST) as archive:
        assert archive["images"].shape[1:] == prepared.shape
    assert scored.header.format == "png"
    assert scored.embedding.shape == (8,) and scored.cam.shape == (8, 8)
    assert scored.quality == decode(content).quality


def test_every_kind_of_source_gives_the_same_answer(predictor: Predictor, tmp_path: Path) -> None:
    content = make_raster(IMAGE)
    path = tmp_path / "image"
    path.write_bytes(content)
    answers = [predictor.predict(source, {"age": 40}, request_id="x") for source in (content, path, decode(content))]
    assert answers[0] == answers[1] == answers[2]


def test_explanation(predictor: Predictor) -> None:
    answer = predictor.predict(make_raster(IMAGE), explain=True)
    assert answer.explanation is not None
    assert (answer.explanation.method, answer.explanation.target) == ("grad-cam", "tuberculosis")
    with Image.open(io.BytesIO(base64.b64decode(answer.explanation.png))) as picture:
        shown = np.asarray(picture)
    cam = predictor.score(make_raster(IMAGE)).cam
    assert np.array_equal(shown, np.floor(cam / cam.max() * 255 + 0.5).astype(np.uint8))
    assert predictor.predict(make_raster(IMAGE)).explanation is None


def test_request_ids_differ(predictor: Predictor) -> None:
    assert predictor.predict(make_raster(IMAGE)).request_id != predictor.predict(make_raster(IMAGE)).request_id


def test_refusals_pass_through(predictor: Predictor) -> None:
    with pytest.raises(InadmissibleImage):
        predictor.predict(make_dicom(IMAGE, stored=8, Modality="MR"))
    with pytest.raises(InadmissibleImage):
        predictor.predict(make_raster(IMAGE), {"age": 3})
    with pytest.raises(Refusal):
        predictor.predict(b"text")
    with pytest.raises(InputError):
        predictor.predict(b"text", {"wight": 3})  # the request is checked before the image


def test_scoring_refuses_nothing_that_can_be_read(predictor: Predictor) -> None:
    assert predictor.score(make_dicom(IMAGE, stored=8, Modality="MR")).header.modality == "MR"


def test_without_approval_only_when_asked(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path, approve=False)
    with pytest.raises(IntegrityError):
        Predictor(folder)
    answer = Predictor(folder, approved=False).predict(make_raster(IMAGE))
    assert (answer.model.version, answer.model.evidence) == (None, None)
