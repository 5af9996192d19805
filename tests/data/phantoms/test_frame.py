"""Pixels and the canonical body map to one another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from radloop.data.phantoms.anatomy import draw_anatomy
from radloop.data.phantoms.frame import SIZE, Frame, Pose, draw_pose, place
from radloop.data.phantoms.randomness import Draws, Stream

STRAIGHT = Pose(tilt=0, right=0, down=0, zoom=100, turn=0, breath=0)


def frame(pose: Pose) -> Frame:
    return place(replace(draw_anatomy(1, 1, "F", 50), width=100, height=100, spine_bend=0), pose)


def test_a_straight_patient_fills_the_frame() -> None:
    straight = frame(STRAIGHT)
    # 1024 units over 256 pixels, taken at the pixels' centres.
    assert straight.u[0, :3].tolist() == [2, 6, 10]
    assert straight.v[:3, 0].tolist() == [2, 6, 10]
    assert straight.lateral[9, 127] == 2
    assert straight.across[9, 127] == -2
    # Row 9 is at v = 38; the patient's left, the image's right, indexes the second table.
    assert (straight.side[9, 0], straight.side[9, 255]) == (38, 1024 + 38)


def test_shift_and_zoom() -> None:
    moved = frame(replace(STRAIGHT, right=8, down=-4))
    assert (moved.u[0, 2], moved.v[0, 0]) == (2, 6)
    # Twice as large: neighbours are two units apart.
    assert np.diff(frame(replace(STRAIGHT, zoom=200)).u[0]).tolist() == [2] * 255


@pytest.mark.parametrize("number", range(6))
def test_pixels_is_the_inverse(number: int) -> None:
    pose = draw_pose(Draws(1, Stream.POSE, number), "AP" if number % 2 else "PA")
    drawn = place(draw_anatomy(1, number, "M", 50), pose)
    picked = np.s_[10:246:20, 10:246:20]
    rows, columns = drawn.pixels(drawn.u[picked], drawn.v[picked])
    expected_rows, expected_columns = np.mgrid[0:SIZE, 0:SIZE][:, 10:246:20, 10:246:20]
    assert np.abs(rows - expected_rows).max() <= 1
    assert np.abs(columns - expected_columns).max() <= 1
