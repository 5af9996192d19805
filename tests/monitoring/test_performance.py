"""Live performance by hand, from feedback in the record to the numbers."""

from __future__ import annotations

import numpy as np
import pytest

from radloop.statistics.intervals import wilson
from tests.monitoring.conftest import OWN, Watched


def test_every_number_by_hand_with_its_n_and_by_subgroup(watched: Watched) -> None:
    images = OWN.draw(40, np.random.default_rng(3))
    images["probabilities"] = np.concatenate([np.full((20, 1), 0.9), np.full((20, 1), 0.1)])
    images["sex"] = np.array(["F", "M"] * 20)
    names = watched.record(images)
    # Of 20 called positive 16 are, of 20 called negative 4 are: 16 of 20 found, 16 of 20 passed.
    words = ["tuberculosis"] * 16 + ["normal"] * 4 + ["tuberculosis"] * 4 + ["normal"] * 16
    watched.label(names, words)
    live = watched.installation.call("monitor", "tb-cxr")["live"]
    assert (live["labels"], live["used"], live["contradicted"], live["coverage_stated"]) == (40, 40, 0, None)
    found = live["overall"]["findings"]["tuberculosis"]
    assert (found["sensitivity"]["n"], found["sensitivity"]["value"]) == (20, 0.8)
    assert (found["specificity"]["n"], found["specificity"]["value"]) == (20, 0.8)
    near = wilson(16, 20)
    assert found["sensitivity"]["low"] == pytest.approx(near.low, abs=0.06) and found["sensitivity"]["high"] < 1
    # Brier: 32 of 40 off by 0.1, 8 by 0.9. ECE: both bins are 0.1 off.
    assert found["brier"]["value"] == pytest.approx((32 * 0.01 + 8 * 0.81) / 40)
    assert found["ece"]["value"] == pytest.approx(0.1)
    assert live["overall"]["coverage"] | {"low": 0, "high": 0} == {"n": 40, "value": 0.8, "low": 0, "high": 0}
    # Every second image is a woman's: 8 of her 10 positives were found.
    women = live["subgroups"]["sex"]["F"]
    assert (women["n"], women["findings"]["tuberculosis"]["sensitivity"]["value"]) == (20, 0.8)
    assert live["subgroups"]["site"].keys() == {"unknown"}


def test_without_labels_the_probabilities_say_what_to_expect(watched: Watched) -> None:
    images = OWN.draw(4, np.random.default_rng(3))
    images["probabilities"] = np.array([[0.9], [0.6], [0.3], [0.1]])
    watched.record(images)
    found = watched.installation.call("monitor", "tb-cxr")["expected"]
    assert found["n"] == 4 and found["findings"]["tuberculosis"]["sensitivity"] == pytest.approx(1.5 / 1.9)
    assert "calibration holds" in found["assumes"]


def test_what_readers_disagree_on_counts_for_nothing_until_it_is_settled(watched: Watched) -> None:
    names = watched.record(OWN.draw(6, np.random.default_rng(3)))
    watched.label(names, ["tuberculosis"] * 6, "Ito")
    watched.label(names[:2], ["normal"] * 2, "Roe", minute=1)
    watched.label(names[2:3], ["normal"], "Ito", minute=1)  # late: the same reader thought again
    watched.label(["f" * 32], ["normal"], "Ito")
    live = watched.installation.call("monitor", "tb-cxr")["live"]
    assert (live["labels"], live["contradicted"], live["used"], live["unanswered"]) == (7, 2, 4, 1)
    found = live["overall"]["findings"]["tuberculosis"]
    assert (found["sensitivity"]["n"], found["specificity"]["n"]) == (3, 1)
    watched.label(names[:2], ["tuberculosis"] * 2, "Roe", minute=2)
    live = watched.installation.call("monitor", "tb-cxr")["live"]
    assert (live["contradicted"], live["used"]) == (0, 6)


def test_since_limits_what_is_counted(watched: Watched) -> None:
    watched.record(OWN.draw(3, np.random.default_rng(3)))
    watched.number = 1440 * 10
    watched.record(OWN.draw(2, np.random.default_rng(3)))
    found = watched.installation.call("monitor", "tb-cxr", "--since", "2026-01-05")
    assert (found["served"]["requests"], found["expected"]["n"]) == (2, 2)
