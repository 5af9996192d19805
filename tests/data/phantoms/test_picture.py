"""Pictures are reproducible, and each part shows where it should."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from radloop.data.phantoms.cohort import Phantom, draw_cohort
from radloop.data.phantoms.exposure import LARGEST, Site
from radloop.data.phantoms.frame import SIZE
from radloop.data.phantoms.picture import MARKER_CORNER, MARKER_SIZE, MARKER_VALUE, Picture, draw_picture

SEED = 2026


@pytest.fixture(scope="module")
def cohort() -> list[Phantom]:
    return draw_cohort(27, SEED)


@pytest.fixture(scope="module")
def opaque(cohort: list[Phantom]) -> Phantom:
    return next(phantom for phantom in cohort if phantom.opaque and phantom.site is Site.A)


def draw(phantom: Phantom, seed: int = SEED) -> Picture:
    return draw_picture(phantom, [phantom], seed)


def test_the_values_are_the_same_on_every_machine(cohort: list[Phantom]) -> None:
    values = np.stack([draw(phantom).values for phantom in cohort[:6]])
    assert (
        hashlib.sha256(values.astype("<u2").tobytes()).hexdigest()
        == "04b194899aa372f8685b18e6911f39a4a6780b0b77e36649decad7b21acbd9b2"
    )


def test_values_fill_twelve_bits_without_touching_their_ends(cohort: list[Phantom]) -> None:
    for phantom in cohort[:8]:
        picture = draw(phantom)
        assert picture.values.shape == (SIZE, SIZE)
        assert 0 < picture.values.min() < picture.low < picture.high < picture.values.max() < LARGEST
        assert picture.high - picture.low > 1000


def test_an_opacity_changes_the_lungs_only_and_brightens_them(opaque: Phantom) -> None:
    with_it, without = draw(opaque), draw(replace(opaque, opaque=False))
    difference = with_it.values - without.values
    touched = difference != 0
    # The extent is of the lung area, a third of the image or less.
    assert 60 <= with_it.extent < 600
    assert without.extent == 0
    assert 0.01 < touched.mean() < 0.25
    assert difference.mean() > 0
    border = np.ones_like(touched)
    border[16:230, 8:248] = False
    assert not touched[border].any()


def test_a_patient_is_recognised_at_the_next_visit(cohort: list[Phantom]) -> None:
    first, second = next((a, b) for a, b in pairwise(cohort) if a.patient == b.patient)
    stranger = next(phantom for phantom in cohort if phantom.sex == first.sex and phantom.patient != first.patient)
    values = draw(replace(first, opaque=False)).values
    again, other = (
        draw(replace(phantom, opaque=False, site=first.site, view=first.view)).values for phantom in (second, stranger)
    )
    assert (again != values).mean() > 0.9
    assert np.corrcoef(values.ravel(), again.ravel())[0, 1] > np.corrcoef(values.ravel(), other.ravel())[0, 1]


def test_the_marker_is_a_small_disc_inside_the_range(opaque: Phantom) -> None:
    plain, marked = draw(opaque).values, draw(replace(opaque, marked=True)).values
    rows, columns = np.nonzero(plain != marked)
    assert (rows.min(), columns.min()) == (MARKER_CORNER, MARKER_CORNER)
    assert (rows.max(), columns.max()) == (MARKER_CORNER + MARKER_SIZE - 1, MARKER_CORNER + MARKER_SIZE - 1)
    # Pixel centres within 5 of the disc's: rows of 4, 8, 8, 10, 10 in each half.
    assert rows.size == 80
    assert set(marked[rows, columns].tolist()) == {MARKER_VALUE}
    assert MARKER_VALUE < LARGEST


def test_a_copy_is_nearly_its_source(cohort: list[Phantom]) -> None:
    source = next(phantom for phantom in cohort if phantom.split == "train")
    victim = next(phantom for phantom in cohort if phantom.split == "test")
    copy = draw_picture(replace(victim, copy_of=source.index), cohort, SEED)
    original = draw_picture(source, cohort, SEED)
    assert copy.extent == original.extent
    assert (copy.values != original.values).mean() > 0.9

    def coarse(picture: Picture) -> list[float]:
        return list(picture.values.reshape(64, 4, 64, 4).mean(axis=(1, 3)).ravel())

    assert np.corrcoef(coarse(copy), coarse(original))[0, 1] > 0.99


def test_site_c_has_less_contrast_and_more_noise(opaque: Phantom) -> None:
    values = {site: draw(replace(opaque, site=site)).values for site in Site}
    contrast = {site: np.subtract(*np.percentile(picture, [90, 10])) for site, picture in values.items()}
    noise = {site: np.diff(picture[200:, :], axis=1).std() for site, picture in values.items()}
    assert contrast[Site.C] < contrast[Site.B] < contrast[Site.A]
    assert noise[Site.C] > noise[Site.B] > noise[Site.A]
