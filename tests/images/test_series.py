"""Slices in the order in which they lie."""

from __future__ import annotations

from radloop.images.series import Series, along_normal, sort_series


def sort(*slices: tuple[float | None, int | None]) -> Series[tuple[float | None, int | None]]:
    return sort_series(slices, lambda one: one)


def test_along_the_normal_of_axial_slices() -> None:
    # (1,0,0) x (0,1,0) = (0,0,1)
    assert along_normal((1, 0, 0, 0, 1, 0), (-100.0, -90.0, 42.5)) == 42.5


def test_along_the_normal_of_sagittal_slices() -> None:
    # (0,1,0) x (0,0,-1) = (-1,0,0)
    assert along_normal((0, 1, 0, 0, 0, -1), (7.0, 1.0, 2.0)) == -7.0


def test_an_oblique_normal_is_a_unit() -> None:
    # (1,0,0) x (0,0.6,0.8) = (0,-0.8,0.6); (0,10,20) lies at -8 + 12
    found = along_normal((1, 0, 0, 0, 0.6, 0.8), (5.0, 10.0, 20.0))
    assert found is not None
    assert abs(found - 4.0) < 1e-12


def test_no_position_where_the_tags_are_missing_or_senseless() -> None:
    assert along_normal((), (0.0, 0.0, 1.0)) is None
    assert along_normal((1, 0, 0, 1, 0, 0), (0.0, 0.0, 1.0)) is None
    assert along_normal((1, 0, 0, 0, 1, 0), (0.0, 0.0, float("nan"))) is None


def test_positions_win_over_numbers() -> None:
    series = sort((10.0, 1), (0.0, 2), (5.0, 3))
    assert series.slices == ((0.0, 2), (5.0, 3), (10.0, 1))
    assert (series.by, series.spacing, series.regular) == ("position", 5.0, True)


def test_numbers_where_one_position_is_missing() -> None:
    series = sort((10.0, 3), (None, 1), (5.0, 2))
    assert series.slices == ((None, 1), (5.0, 2), (10.0, 3))
    assert (series.by, series.spacing, series.regular) == ("instance", None, False)


def test_nothing_known_keeps_the_order() -> None:
    assert sort((None, 2), (1.0, None)).slices == ((None, 2), (1.0, None))
    assert sort().slices == ()


def test_a_repeated_position_is_named_and_ordered_by_number() -> None:
    series = sort((0.0, 1), (3.0, 5), (3.0, 2), (6.0, 9))
    assert series.slices == ((0.0, 1), (3.0, 2), (3.0, 5), (6.0, 9))
    assert (series.repeated, series.uneven, series.regular) == ((2,), (), False)


def test_a_missing_slice_is_seen_in_the_gap() -> None:
    series = sort((0.0, 1), (2.0, 2), (6.0, 4), (8.0, 5))
    assert (series.spacing, series.uneven, series.regular) == (2.0, (2,), False)


def test_rounded_decimals_are_even() -> None:
    assert sort((0.0, 1), (0.667, 2), (1.333, 3), (2.0, 4)).regular
