"""Integer image arithmetic, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from radloop.data.phantoms.fields import ONE, Field, blur, bump, curve, ellipse, enlarge, ramp


def field(*values: int) -> Field:
    return np.array(values, dtype=np.int32)


def test_ramp() -> None:
    # 3t² - 2t³ at t = 0, 1/4, 1/2, 1: 0, 5/32, 1/2, 1, in 256ths: 0, 40, 128, 256.
    assert ramp(field(-9, 0, 64, 128, 256, 900), 256).tolist() == [0, 0, 40, 128, 256, 256]
    # A margin of 8 is half of a width of 16.
    assert ramp(field(8), 16).tolist() == [128]


def test_ellipse_and_bump() -> None:
    # On the axis at 0, half, all and twice the radius: 1 - r² = 1, 3/4, 0, -3.
    assert ellipse(field(0, 32, 64, 128), field(0, 0, 0, 0), 64, 16).tolist() == [256, 192, 0, -768]
    # (1 - r²)² = 1, 9/16, 0, 0.
    assert bump(field(0, 32, 64, 128), field(0, 0, 0, 0), 64, 16).tolist() == [256, 144, 0, 0]


def test_curve_keeps_constants_and_lies_between_its_points() -> None:
    assert set(curve(((0, 7), (50, 7)), 100).tolist()) == {7}
    line = curve(((0, 0), (100, 200)), 200, 4)
    assert line[50] == 100
    assert line[199] == 200
    assert (np.diff(line) >= 0).all()
    with pytest.raises(ValueError, match="read-only"):
        line[0] = 1


def test_blur_spreads_a_point_and_keeps_a_plain() -> None:
    point = np.zeros((3, 3), dtype=np.int32)
    point[1, 1] = 16
    assert blur(point).tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]
    assert point[1, 1] == 16
    plain = np.full((5, 4), -3, dtype=np.int32)
    assert (blur(plain, 3) == plain).all()
    assert (blur(point, 0) == point).all()


def test_enlarge_is_bilinear() -> None:
    coarse = np.array([[0, 8], [16, 24]], dtype=np.int32)
    assert enlarge(coarse, 4).tolist() == [[0, 2, 4, 6], [4, 6, 8, 10], [8, 10, 12, 14], [12, 14, 16, 18]]


def test_everything_stays_integer() -> None:
    some = field(1, 2, 3).reshape(1, 3)
    results = [ramp(some, 4), ellipse(some, some, 3, 3), bump(some, some, 3, 3), blur(some), curve(((0, 1), (9, 4)), 9)]
    assert {result.dtype for result in results} == {np.dtype(np.int32)}
    assert ONE == 256
