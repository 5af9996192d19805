"""The defects that can be planted, for rehearsing what must find them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from enum import StrEnum, unique

from radloop.data.phantoms.cohort import Label, Phantom
from radloop.data.phantoms.exposure import Site
from radloop.data.phantoms.randomness import Draws, Stream


@unique
class Defect(StrEnum):
    """A planted defect; what each changes is told by the function that plants it."""

    CORNER_MARKER = "corner-marker"
    SUBGROUP_LABEL_NOISE = "subgroup-label-noise"
    PATIENT_IN_TWO_SPLITS = "patient-in-two-splits"
    NEAR_DUPLICATES = "near-duplicates"
    SITE_SHIFT = "site-shift"


NOISY_SEX = "F"
NOISY_PERCENT = 30
STRADDLING_PERCENT = 3
DUPLICATE_PERCENT = 10


def plant_defects(cohort: Sequence[Phantom], defects: Collection[Defect], seed: int) -> list[Phantom]:
    """Return the cohort with the defects planted; which images each one takes depends on the seed alone.

    They are planted in one order, whatever the order asked: labels turn noisy after images have moved,
    so that only `train` is noisy, and markers come last, so that they follow the label as written.
    """
    planted = list(cohort)
    for defect, plant in _PLANTERS:
        if defect in defects:
            planted = plant(planted, Draws(seed, Stream.DEFECT, list(Defect).index(defect)))
    return planted


def _shift_site(cohort: list[Phantom], _: Draws) -> list[Phantom]:
    """Move every image to site C: less contrast, more noise, a softer plate, another exposure."""
    return [replace(phantom, site=Site.C) for phantom in cohort]


def _duplicate(cohort: list[Phantom], draws: Draws) -> list[Phantom]:
    """Let 10% of the test images (at least one) show an altered copy of another patient's train image.

    The source has the same label and sex, and where one exists the same site and then the same view, whose
    word the copy takes over. Only first visits are copied: the images that straddle splits are later ones.
    """
    tests = [phantom for phantom in cohort if phantom.split == "test"]
    copies = {}
    for phantom in draws.shuffled(tests)[: _share(DUPLICATE_PERCENT, len(tests))]:
        pool = [
            source
            for source in cohort
            if source.split == "train" and source.visit == 0 and (source.sex, source.opaque) == (phantom.sex, phantom.opaque)
        ]
        pool = [source for source in pool if source.site == phantom.site] or pool
        pool = [source for source in pool if source.view == phantom.view] or pool
        source = draws.choice(pool)
        copies[phantom.index] = replace(phantom, copy_of=source.index, view=source.view)
    return [copies.get(phantom.index, phantom) for phantom in cohort]


def _straddle(cohort: list[Phantom], draws: Draws) -> list[Phantom]:
    """Move the last image of some `train` patients with several to `test`: 3% of all patients, at least one."""
    last = {phantom.patient: phantom for phantom in cohort}
    several = [phantom.index for phantom in last.values() if phantom.split == "train" and phantom.visit > 0]
    moved = set(draws.shuffled(several)[: _share(STRADDLING_PERCENT, len(last))])
    return [replace(phantom, split="test") if phantom.index in moved else phantom for phantom in cohort]


def _mislabel(cohort: list[Phantom], draws: Draws) -> list[Phantom]:
    """Call 30% of the women's opacities in `train` normal (at least one); the pictures keep them, the manifest says no extent."""
    positives = [phantom.index for phantom in cohort if phantom.opaque and phantom.split == "train" and phantom.sex == NOISY_SEX]
    wrong = set(draws.shuffled(positives)[: _share(NOISY_PERCENT, len(positives))])
    return [replace(phantom, label=Label.NORMAL) if phantom.index in wrong else phantom for phantom in cohort]


def _mark(cohort: list[Phantom], _: Draws) -> list[Phantom]:
    """Mark every image that is labelled opacity, in all splits, and no other."""
    return [replace(phantom, marked=phantom.label is Label.OPACITY) for phantom in cohort]


_PLANTERS: tuple[tuple[Defect, Callable[[list[Phantom], Draws], list[Phantom]]], ...] = (
    (Defect.NEAR_DUPLICATES, _duplicate),
    (Defect.SITE_SHIFT, _shift_site),
    (Defect.PATIENT_IN_TWO_SPLITS, _straddle),
    (Defect.SUBGROUP_LABEL_NOISE, _mislabel),
    (Defect.CORNER_MARKER, _mark),
)


def _share(percent: int, count: int) -> int:
    """Return `percent` of `count`, rounded to the nearest, at least 1."""
    return max(1, (percent * count + 50) // 100)
