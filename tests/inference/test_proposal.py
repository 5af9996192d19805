"""Which use case is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from radloop.errors import InadmissibleImage, InputError, Refusal
from radloop.images.decode import decode
from radloop.inference.predictor import Predictor
from radloop.inference.proposal import propose, takers
from radloop.use_case import ImageSpec
from tests.bundles import SIZE, make_bundle, make_images
from tests.image_files import make_dicom, make_raster

IMAGE = make_images(1, size=128)[0]


@pytest.fixture(scope="module")
def predictors(predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Predictor]:
    spec = ImageSpec(modalities=("CT",), body_parts=("HEAD", "BRAIN"), size=SIZE)
    other = make_bundle(tmp_path_factory.mktemp("other"), seed=2, use_case="stroke-ct", image=spec)
    return {"tb-cxr": predictor, "stroke-ct": Predictor(other)}


def test_the_one_that_admits_the_image(predictors: dict[str, Predictor]) -> None:
    assert propose(predictors, decode(make_dicom(IMAGE, stored=8))) == "tb-cxr"
    assert propose(predictors, decode(make_dicom(IMAGE, stored=8, Modality="CT", BodyPartExamined="HEAD"))) == "stroke-ct"
    assert propose({"tb-cxr": predictors["tb-cxr"]}, decode(make_raster(IMAGE))) == "tb-cxr"


def test_several_or_none_are_listed(predictors: dict[str, Predictor]) -> None:
    for content in (make_raster(IMAGE), make_dicom(IMAGE, stored=8, Modality="MR")):
        with pytest.raises(Refusal) as caught:
            propose(predictors, decode(content))
        assert caught.value.code == "ambiguous_use_case"
        assert "stroke-ct" in caught.value.message and "tb-cxr" in caught.value.message


def test_a_single_use_case_gives_its_own_reason(predictor: Predictor) -> None:
    with pytest.raises(InadmissibleImage) as caught:
        propose({"tb-cxr": predictor}, decode(make_dicom(IMAGE, stored=8, BodyPartExamined="HAND")))
    assert caught.value.code == "foreign_body_part"


def test_none_is_served(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        propose({}, decode(make_raster(IMAGE)))
    assert caught.value.code == "no_champion"


def test_values_that_one_use_case_takes_mean_that_one(kinds: dict[str, Predictor]) -> None:
    both = {"tb-cxr": kinds["binary"], "covid-cxr": kinds["fusion"]}
    image = decode(make_dicom(IMAGE, stored=8))
    assert propose(both, image, {"temperature": 38}) == "covid-cxr"
    assert set(takers(both, {"age": 40})) == set(both)
    with pytest.raises(Refusal) as caught:
        propose(both, image, {"age": 40})
    assert caught.value.code == "ambiguous_use_case"
    assert propose({**both, "thorax-cxr": kinds["multilabel"]}, image, target="hernia") == "thorax-cxr"


@pytest.mark.parametrize(
    ("clinical", "target", "code", "hint"),
    [
        ({"temprature": 38}, None, "unknown_clinical_value", "did you mean 'temperature'?"),
        ({"temperature": 99}, None, "invalid_clinical_value", "Cel"),
        ({"age": "old"}, None, "invalid_clinical_value", "years"),
        (None, "measles", "unknown_target", "tuberculosis"),
    ],
)
def test_what_nobody_takes_is_refused_before_the_image_is_read(
    kinds: dict[str, Predictor], clinical: dict[str, object] | None, target: str | None, code: str, hint: str
) -> None:
    with pytest.raises(InputError) as caught:
        takers({"a": kinds["binary"], "b": kinds["fusion"]}, clinical, target)
    assert (caught.value.code, hint in caught.value.hint) == (code, True)
    assert takers({}, clinical, target) == {}
