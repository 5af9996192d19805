"""The cohort: who the phantoms are, what they have, and which split they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum, unique

from radloop.data.phantoms.exposure import Site
from radloop.data.phantoms.randomness import Draws, Stream

SMALLEST = 27
"""The images of one block of patients: from here on every split holds both labels and both sexes."""

_BLOCK = 20
_BANDS = ((18, 39), (40, 64), (65, 89))


@unique
class Label(StrEnum):
    """What an image is said to show."""

    NORMAL = "normal"
    OPACITY = "opacity"


@dataclass(frozen=True)
class Phantom:
    """One image before it is drawn.

    Attributes:
        index: its place in the cohort, from 0; with the seed it fixes everything drawn for this image.
        patient: the patient's number, from 1.
        visit: 0 for the patient's first image.
        opaque: the picture holds an opacity.
        label: what the manifest and the header say of it.
        inverted: stored as MONOCHROME1.
        marked: a bright disc lies in its corner.
        copy_of: the index of the image whose altered picture it shows in place of its own.
    """

    index: int
    patient: int
    visit: int
    sex: str
    age: int
    site: Site
    view: str
    split: str
    opaque: bool
    label: Label
    inverted: bool
    marked: bool = False
    copy_of: int | None = None


def draw_cohort(n: int, seed: int) -> list[Phantom]:
    """Draw the first `n` images of the cohort of a seed; a larger `n` only adds to them.

    Patients come in blocks of twenty, 12 train, 3 tune, 2 calibrate, 3 test (60 : 15 : 10 : 15), in
    which sexes and labels are balanced within each split; five of the twenty have two or three images.
    Site, age and view are drawn apart from the label.

    Raises:
        ValueError: `n` is too small for every split to hold both labels and both sexes.
    """
    if n < SMALLEST:
        raise ValueError(f"n is {n}, the least is {SMALLEST}: with fewer images a split would lack a label or a sex")
    cohort: list[Phantom] = []
    for number, (split, sex, opaque, visits) in enumerate(_slots(seed), start=1):
        draws = Draws(seed, Stream.PATIENT, number)
        age = draws.between(*draws.choice(_BANDS))
        site = Site.A if draws.chance(55) else Site.B
        for visit in range(visits):
            index = len(cohort)
            if index == n:
                return cohort
            own = Draws(seed, Stream.IMAGE, index)
            view, inverted, relapse = "AP" if own.chance(30) else "PA", own.chance(20), own.chance(45)
            shown = opaque if visit == 0 else relapse
            label = Label.OPACITY if shown else Label.NORMAL
            cohort.append(Phantom(index, number, visit, sex, age, site, view, split, shown, label, inverted))
    return cohort


def _slots(seed: int) -> Iterator[tuple[str, str, bool, int]]:
    """Yield split, sex, opaque at the first visit and number of visits of each patient, without end."""
    block = 0
    while True:
        draws = Draws(seed, Stream.BLOCK, block)
        people = _train(block) + _small(block)
        visits = draws.shuffled([1] * 9 + [2, 2, 3]) + draws.shuffled([1] * 6 + [2, 3])
        yield from draws.shuffled([(*person, count) for person, count in zip(people, visits, strict=True)])
        block += 1


def _train(block: int) -> list[tuple[str, str, bool]]:
    """Return the twelve of `train`: half of each sex opaque, one fewer in every fourth block."""
    people = []
    for sex, turn in (("F", 1), ("M", 3)):
        opaque = 2 if block % 4 == turn else 3
        people += [("train", sex, place < opaque) for place in range(6)]
    return people


def _small(block: int) -> list[tuple[str, str, bool]]:
    """Return the eight of the small splits: over four blocks each sex has as many of either label."""
    trios = (
        (("F", True), ("M", False), ("F", False)),
        (("M", True), ("F", False), ("M", False)),
        (("F", True), ("M", False), ("M", True)),
        (("F", False), ("M", True), ("F", True)),
    )
    pair = (("F", block % 2 == 0), ("M", block % 2 == 1))
    return (
        [("tune", *person) for person in trios[block % 4]]
        + [("calibrate", *person) for person in pair]
        + [("test", *person) for person in trios[(block + 2) % 4]]
    )
