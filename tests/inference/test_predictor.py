"""From a file to an answer."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radloop.clinical import vector
from radloop.errors import InadmissibleImage, InputError, IntegrityError, Refusal
from radloop.images.decode import decode
from radloop.images.preprocessing import prepare
from radloop.inference import verification
from radloop.inference.bundle import CONTENT, FACTS, MODEL, SELFTEST, WEIGHTS
from radloop.inference.heat import heat_map
from radloop.inference.openvino_engine import OpenVINOEngine
from radloop.inference.predictor import Predictor
from tests.bundles import INPUTS, SIZE, make_bundle, make_images
from tests.image_files import make_dicom, make_raster

IMAGE = make_images(1, seed=9, size=128)[0]


def test_the_answer_says_what_and_by_which_model(predictor: Predictor, sealed: Path) -> None:
    answer = predictor.predict(make_dicom(IMAGE, stored=8), request_id="abc")
    scored = predictor.score(make_dicom(IMAGE, stored=8))
    finding = answer.findings[0]
    assert (finding.label, finding.threshold, finding.boxes) == ("tuberculosis", 0.42, None)
    # temperature 1.5, worked without the library
    assert finding.probability == pytest.approx(1 / (1 + np.exp(-scored.logits[0] / 1.5)), abs=1e-12)
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
    assert scored.embedding.shape == (8,) and scored.cam.shape == (1, 8, 8)
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
    cam = predictor.score(make_raster(IMAGE)).cam[0]
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


def test_of_classes_the_most_probable_is_positive(kinds: dict[str, Predictor]) -> None:
    answer = kinds["multiclass"].predict(make_raster(IMAGE), {"age": 40})
    chances = [finding.probability for finding in answer.findings]
    assert [finding.label for finding in answer.findings] == ["glioma", "meningioma", "none", "pituitary"]
    assert sum(chances) == pytest.approx(1.0, abs=1e-12)
    assert [finding.positive for finding in answer.findings] == [chance == max(chances) for chance in chances]
    assert {finding.threshold for finding in answer.findings} == {None}
    assert answer.uncertainty == pytest.approx(-sum(chance * np.log2(chance) for chance in chances) / 2)


def test_findings_are_decided_one_by_one_and_one_without_a_threshold_is_not(kinds: dict[str, Predictor]) -> None:
    predictor = kinds["multilabel"]
    answer, scored = predictor.predict(make_raster(IMAGE), {"age": 40}), predictor.score(make_raster(IMAGE))
    # temperatures 1.0, 1.5, 2.0, 2.5
    expected = [1 / (1 + np.exp(-logit / (1 + 0.5 * k))) for k, logit in enumerate(scored.logits)]
    assert [finding.probability for finding in answer.findings] == pytest.approx(expected, abs=1e-12)
    assert [finding.positive for finding in answer.findings[:3]] == [chance >= 0.42 for chance in expected[:3]]
    assert (answer.findings[3].positive, answer.findings[3].threshold) == (None, None)
    assert answer.uncertainty == max(-p * np.log2(p) - (1 - p) * np.log2(1 - p) for p in expected)


def test_the_heat_map_is_the_most_probable_findings_or_that_which_is_asked_for(kinds: dict[str, Predictor]) -> None:
    predictor = kinds["multilabel"]
    cam = predictor.score(make_raster(IMAGE)).cam
    chances = [finding.probability for finding in predictor.predict(make_raster(IMAGE)).findings]
    labels = predictor.facts.outputs
    for target, k in ((None, int(np.argmax(chances))), *((label, labels.index(label)) for label in labels)):
        shown = predictor.predict(make_raster(IMAGE), explain=True, target=target).explanation
        assert shown is not None and (shown.target, shown.png) == (labels[k], heat_map(cam[k]))
    with pytest.raises(InputError) as caught:
        predictor.predict(make_raster(IMAGE), target="nodul")
    assert (caught.value.code, caught.value.hint) == ("unknown_target", "did you mean 'nodule'?")


def test_clinical_values_reach_the_network_as_in_training(kinds: dict[str, Predictor]) -> None:
    predictor = kinds["fusion"]
    given = {"age": 70, "sex": "M", "temperature": 39.5, "intubated": "yes"}
    answer = predictor.predict(make_raster(IMAGE), given)
    # age (70 - 50) / 20, sex F M O, temperature (39.5 - 37) / 1, intubated no yes; each ends in whether it is known
    row = np.asarray([1, 1, 0, 1, 0, 1, 2.5, 1, 0, 1, 1], np.float32)
    output = OpenVINOEngine(predictor.bundle.content, SIZE).run(
        prepare(decode(make_raster(IMAGE)).pixels, predictor.facts.image), row
    )
    assert np.array_equal(predictor.score(make_raster(IMAGE), given).logits, output.logits)
    assert answer.findings[0].probability == pytest.approx(1 / (1 + np.exp(-output.logits[0] / 1.5)), abs=1e-12)
    assert not [text for text in answer.warnings if text.startswith("unknown_clinical")]
    without = predictor.predict(make_raster(IMAGE))
    assert without.findings[0].probability != answer.findings[0].probability
    assert "unknown_clinical: not known: age, sex, temperature, intubated" in without.warnings[-1]


def test_the_files_age_and_sex_are_the_networks(kinds: dict[str, Predictor]) -> None:
    predictor, content = kinds["fusion"], make_dicom(IMAGE, stored=8)  # a woman of 40
    answer = predictor.predict(content, {"age": 70, "sex": "M", "temperature": 38})
    expected = predictor.score(content, {"age": 40.0, "sex": "F", "temperature": 38.0})
    assert answer.findings[0].probability == expected.probabilities[0]
    # scoring asks the file nothing: evaluation gives what the manifest says
    assert np.array_equal(predictor.score(content).logits, predictor.score(make_raster(IMAGE)).logits)


def test_severity_is_the_expected_level_and_the_nearest_word(kinds: dict[str, Predictor]) -> None:
    predictor = kinds["fusion"]
    image = prepare(decode(make_raster(IMAGE)).pixels, predictor.facts.image)
    for given in ({"age": 20}, {"age": 95}, {"temperature": 44}, {"intubated": "no"}):
        grades = OpenVINOEngine(predictor.bundle.content, SIZE).run(image, vector(INPUTS, given)).grades
        answer = predictor.predict(make_raster(IMAGE), given)
        assert grades is not None and answer.severity is not None
        assert answer.severity.score == grades[0] + grades[1]
        nearest = min(range(3), key=lambda level: abs(level - grades.sum()))
        assert answer.severity.grade == ("ward", "intensive care", "died")[nearest]


def bright(*places: tuple[slice, slice], grey: int = 255) -> bytes:
    """Return a nearly black image of 128 rows and 256 columns with brighter places: the test's network locates them."""
    image = np.ones((128, 256), np.uint8)
    for place in places:
        image[place] = grey
    return make_raster(image)


def test_a_positive_finding_says_where(kinds: dict[str, Predictor]) -> None:
    # the mask is 8 x 8: a place is 16 rows high and 32 columns wide
    content = bright((slice(32, 64), slice(160, 224)), (slice(96, 112), slice(0, 32)))
    (finding,) = kinds["segmentation"].predict(content).findings
    assert (finding.label, finding.threshold, finding.positive) == ("tumour", 0.5, True)
    assert finding.probability == pytest.approx(1 / (1 + np.exp(-12.0)), abs=1e-4)
    assert finding.boxes == ((160, 32, 224, 64), (0, 96, 32, 112))
    assert finding.point == (176, 40)


def test_a_finding_that_is_not_positive_says_no_place(kinds: dict[str, Predictor]) -> None:
    (finding,) = kinds["segmentation"].predict(bright((slice(48, 64), slice(96, 128)), grey=110)).findings
    assert (finding.positive, finding.boxes, finding.point) == (False, None, None)
    assert finding.probability < 0.5


def test_a_positive_finding_without_a_clear_region_still_has_its_strongest_place(kinds: dict[str, Predictor]) -> None:
    content = bright((slice(48, 64), slice(96, 128)), grey=110)
    (finding,) = kinds["location"].predict(content).findings
    assert finding.positive and finding.boxes == ()
    assert finding.point == (112, 56)  # the middle of the place in row 3, column 3


@pytest.mark.parametrize("name", [FACTS, MODEL, WEIGHTS, SELFTEST])
def test_a_file_that_is_exchanged_after_it_was_digested_is_not_used(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_bundle(tmp_path / "bundles")
    path, digested = folder / CONTENT / name, verification.digest_files

    def exchanging(content: Path) -> dict[str, str]:
        found = digested(content)
        path.write_bytes(path.read_bytes() + b" ")
        return found

    monkeypatch.setattr(verification, "digest_files", exchanging)
    with pytest.raises(IntegrityError, match=f"{name} changed while it was read"):
        Predictor(folder)
