"""The labelling queue on a record that a test fills."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from radloop.monitoring.queue import queue
from tests.monitoring.conftest import OWN, Population, Watched
from tests.recorded import refusal


def rng(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_what_is_unlike_the_reference_comes_first_and_refusals_and_labelled_answers_never(watched: Watched) -> None:
    own = watched.record(OWN.draw(40, rng()))
    far = watched.record(Population(embedding=4.0).draw(5, rng(6)))
    watched.record(OWN.draw(5, rng(7)), **refusal("foreign_body_part"))
    watched.label(far[:1], ["normal"])
    found = queue("tb-cxr", watched.installation.settings, 4)
    assert (found.unlabelled, found.labelled, found.worst) == (44, 1, None)
    assert found.requests[0].request_id in far[1:]
    assert [item.score for item in found.requests] == sorted((item.score for item in found.requests), reverse=True)
    assert "times the usual distance" in found.requests[0].why
    every = [item.request_id for item in queue("tb-cxr", watched.installation.settings, 100).requests]
    assert set(every) == {*own, *far[1:]} and len(every) == 44


def test_of_two_equally_far_the_less_sure_comes_first(watched: Watched) -> None:
    far = Population(embedding=2.0).draw(1, rng())
    near = {**far, "embeddings": -far["embeddings"]}  # as far on the other side
    (sure,) = watched.record(far, uncertainty=0.1)
    (unsure,) = watched.record(near, uncertainty=0.9)
    (copy,) = watched.record(near, uncertainty=0.9)
    found = queue("tb-cxr", watched.installation.settings, 3).requests
    assert [item.request_id for item in found] == [unsure, sure, copy]
    assert [item.distance > 1 for item in found] == [True, True, False]
    assert sum(item.score for item in found) == pytest.approx(1.0) and found[2].score == 0.0
    assert found[2].why == "unsure (0.90)" and "stands for 2 answers; unsure (0.90)" in found[0].why


def test_the_worst_subgroup_is_told_by_its_labels_and_weighs_more(watched: Watched) -> None:
    images = OWN.draw(60, rng())
    images["probabilities"][:] = 0.9
    images["sex"] = np.array(["F"] * 30 + ["M"] * 30)
    names = watched.record(images)
    watched.label(names[:20], ["normal"] * 20)
    watched.label(names[30:50], ["tuberculosis"] * 20)
    found = queue("tb-cxr", watched.installation.settings, 20)
    assert found.worst is not None and (found.worst.attribute, found.worst.word, found.worst.n) == ("sex", "F", 20)
    # Wrong by 0.9, right within 0.1: squares 0.81 and 0.01, 0.41 together.
    assert (found.worst.brier, found.worst.overall) == pytest.approx((0.81, 0.41))
    assert all(("sex F is answered worst (Brier 0.81, n 20)" in item.why) == (item.sex == "F") for item in found.requests)


def test_the_list_is_a_table_that_feedback_reads_half_done(watched: Watched, tmp_path: Path) -> None:
    site, out = watched.installation, tmp_path / "queue.csv"
    watched.record(OWN.draw(10, rng()))
    said = site.call("queue", "tb-cxr", "--n", "3", "--out", str(out))
    with out.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["request_id"] for row in rows] == [item["request_id"] for item in said["requests"]] and len(rows) == 3
    assert list(rows[0]) == ["request_id", "label", "score", "why"] and {row["label"] for row in rows} == {""}
    out.write_text(out.read_text().replace(f"{rows[0]['request_id']},", f"{rows[0]['request_id']},normal", 1))
    taken = site.call("feedback", str(out))
    assert (taken["written"], taken["blank"], taken["bad"]) == (1, 2, [])
    again = site.call("queue", "tb-cxr", "--n", "3")
    assert rows[0]["request_id"] not in {item["request_id"] for item in again["requests"]} and again["labelled"] == 1


def test_without_requests_the_list_is_empty_and_without_a_champion_there_is_none(watched: Watched) -> None:
    assert watched.installation.call("queue", "tb-cxr")["requests"] == []
    assert watched.installation.call("queue", "phantom-cxr", check=3)["error"]["code"] == "no_champion"
    assert watched.installation.call("queue", "tb-cxr", "--files", ".", check=2)["error"]["code"] == "out_missing"
