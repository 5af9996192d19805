"""Figures that follow the page's colours."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np

from radloop.exploration.figures import Band, Mark, ridges

EDGES = np.array([0.0, 1.0, 2.0])


def test_heights_are_shares_of_each_band_to_one_scale() -> None:
    # shares 1/4 and 3/4, and 1 and 0: of a height of 38 above the floors at 8 + 44 and 8 + 2 x 44
    text = str(ridges([Band("a", np.array([1, 3])), Band("b", np.array([7, 0]))], EDGES, "What"))
    tops = [re.findall(r"L[\d.]+ ([\d.]+)", path) for path in re.findall(r'd="(.*?)"', text)]
    # each step has its left and right end, and the last point closes on the floor
    assert tops[0] == ["42.5", "42.5", "23.5", "23.5", "52"]
    assert tops[1] == ["58.0", "58.0", "96.0", "96.0", "96"]


def test_it_is_heard_and_is_xml() -> None:
    text = str(ridges([Band("a <b> & c", np.array([1, 3]))], EDGES, "What", [Mark(1.5, "at most 1.5")]))
    root = ElementTree.fromstring(text)  # noqa: S314 - our own
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == "What: a <b> & c 4; at most 1.5 at 1.5"
    assert "at most 1.5" in "".join(root.itertext())


def test_a_mark_outside_is_not_drawn_and_nothing_divides_by_zero() -> None:
    text = str(ridges([Band("a", np.array([0, 0]))], EDGES, "What", [Mark(5, "at most 5")]))
    assert "at most" not in text
    assert "nan" not in text
