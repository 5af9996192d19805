"""Clinical values as the network's numbers."""

from __future__ import annotations

import numpy as np
from validation.frames import use_case

from radloop.clinical import ClinicalInput, fit_inputs, matrix, vector

NAN = float("nan")


def test_a_number_has_its_place_and_whether_it_is_known() -> None:
    age = ClinicalInput(name="age", mean=50.0, deviation=10.0)
    assert age.places(65.0) == [1.5, 1.0]
    assert age.places(None) == age.places(NAN) == age.places("65") == [0.0, 0.0]


def test_a_category_has_a_place_a_word() -> None:
    sex = ClinicalInput(name="sex", words=("F", "M", "O"))
    assert sex.places("M") == [0.0, 1.0, 0.0, 1.0]
    assert sex.places(None) == sex.places("?") == [0.0, 0.0, 0.0, 0.0]
    assert sex.width == 4


def test_means_and_deviations_are_those_of_the_known_values() -> None:
    case = use_case(
        fusion={"values": ["age", "sex", "fever"]},
        clinical={"fever": {"column": "fever", "words": {"Y": "yes", "N": "no", "yes": "yes"}}},
    )
    columns = {"age": [40.0, 60.0, NAN], "sex": ["F", None, "M"], "fever": ["no", "yes", None]}
    inputs = fit_inputs(case, columns)
    assert (inputs[0].mean, inputs[0].deviation) == (50.0, 10.0)
    assert inputs[2].words == ("yes", "no")
    expected = [[-1, 1, 1, 0, 0, 1, 0, 1, 1], [1, 1, 0, 0, 0, 0, 1, 0, 1], [0, 0, 0, 1, 0, 1, 0, 0, 0]]
    np.testing.assert_array_equal(matrix(inputs, columns), np.asarray(expected, np.float32))
    np.testing.assert_array_equal(vector(inputs, {}), np.zeros(9, np.float32))


def test_a_use_case_without_fusion_has_none() -> None:
    assert fit_inputs(use_case(), {"age": [1.0]}) == ()


def test_a_value_that_never_varies_is_only_centred() -> None:
    case = use_case(fusion={"values": ["age"]})
    assert fit_inputs(case, {"age": [7.0, 7.0]})[0].deviation == 1.0
    assert fit_inputs(case, {"age": [NAN]})[0].mean == 0.0
