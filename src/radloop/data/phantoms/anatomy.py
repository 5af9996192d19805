"""A phantom patient's anatomy: the numbers that the picture is drawn from.

Lengths are in the canonical frame, 1024 units wide and high, with the midline at 512: about four
units a pixel, about a third of a millimetre each.
"""

from __future__ import annotations

from dataclasses import dataclass

from radloop.data.phantoms.randomness import Draws, Stream


@dataclass(frozen=True)
class Anatomy:
    """One patient's body. Percentages are of the usual size or contrast; left and right are the patient's."""

    width: int
    height: int
    girth: int
    lung_width: int
    apex: int
    dome_right: int
    dome_left: int
    dome_curve: int
    waist: int
    heart_width: int
    heart_height: int
    heart_drop: int
    knob: int
    hilum: int
    spine_bend: int
    rib_pitch: int
    rib_phase: int
    rib_slope: int
    rib_width: int
    rib_contrast: int
    clavicle_level: int
    clavicle_slope: int
    breast: int
    breast_level: int
    breast_reach: int
    muscle: int
    calcified: int
    stomach: int
    vessels: int


def draw_anatomy(seed: int, patient: int, sex: str, age: int) -> Anatomy:
    """Draw the anatomy of a patient; sex and age shift what they shift in people, within wide overlaps.

    Bone fades and calcium gathers with age, the aorta unfolds; men are larger, women have breasts.
    """
    draws = Draws(seed, Stream.ANATOMY, patient)
    female = sex == "F"
    older = max(age - 40, 0)
    return Anatomy(
        width=draws.around(107 if female else 113, 16),
        height=draws.around(103 if female else 109, 16),
        girth=draws.around(100, 80),
        lung_width=draws.around(100, 15),
        apex=draws.around(112, 44),
        dome_right=draws.around(738, 100),
        dome_left=draws.around(764, 100),
        dome_curve=draws.around(112, 80),
        waist=draws.around(80, 30),
        heart_width=draws.around(172 + older // 4, 55),
        heart_height=draws.around(168, 44),
        heart_drop=draws.around(640, 60),
        knob=draws.around(26 + older // 3, 22),
        hilum=draws.around(440, 60),
        spine_bend=draws.around(0, 44),
        rib_pitch=draws.around(98, 26),
        rib_phase=draws.below(256),
        rib_slope=draws.around(100, 60),
        rib_width=draws.around(100, 30),
        rib_contrast=draws.around(112 - older // 2, 50),
        clavicle_level=draws.around(180, 60),
        clavicle_slope=draws.around(64, 60),
        breast=draws.around(110, 100) if female else 0,
        breast_level=draws.around(600 + older, 80),
        breast_reach=draws.around(176, 60),
        muscle=draws.around(30, 20) if female else draws.around(85, 45),
        calcified=max(draws.around(older * 2 - 20, 40), 0),
        stomach=draws.below(3),
        vessels=draws.around(100, 50),
    )
