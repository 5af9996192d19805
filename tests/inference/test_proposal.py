"""Which use case is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from radloop.errors import InadmissibleImage, Refusal
from radloop.images.decode import decode
from radloop.inference.predictor import Predictor
from radloop.inference.proposal import propose
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
