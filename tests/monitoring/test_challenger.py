"""Champion and challenger by the record, on answers that a test wrote: every number can be counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radloop.errors import Refusal
from radloop.inference.challenger import Challenger, Mode, replace_challenger
from radloop.monitoring.challenger import compare, told
from radloop.monitoring.queue import queue
from radloop.records.answers import answers_folder, shadow_folder
from tests.bundles import make_bundle
from tests.monitoring.conftest import OWN, Watched, append
from tests.recorded import answer_payload, refusal, scored

UC, SINCE = "tb-cxr", "2025-12-31T00:00:00+00:00"


@pytest.fixture
def other(watched: Watched) -> Path:
    """Return the challenger's bundle."""
    return make_bundle(watched.installation.settings.bundles, seed=2, version=2)


def begin(watched: Watched, other: Path, mode: Mode, share: float | None = None) -> dict[str, Any]:
    """Let it answer beside the champion; return its model as records have it."""
    bundle = f"sha256:{other.name}"
    made = Challenger(use_case=UC, bundle=bundle, version=2, mode=mode, share=share, since=SINCE)
    replace_challenger(watched.installation.settings.bundles, made)
    return {"version": 2, "bundle": bundle, "data_version": "d", "evidence": None}


def answers(watched: Watched, probabilities: list[float]) -> list[str]:
    """Record the champion's answers with these probabilities; 0.4 is the threshold."""
    images = OWN.draw(len(probabilities), np.random.default_rng(3))
    return watched.record(images | {"probabilities": np.array(probabilities)[:, None]})


def shadow_says(watched: Watched, model: dict[str, Any], names: list[str], probabilities: list[float | None]) -> None:
    """Record what the shadow said to requests; None is a refusal."""
    payloads = [
        answer_payload(int(name, 16), model=model) | (refusal("foreign") if p is None else scored(p))
        for name, p in zip(names, probabilities, strict=True)
    ]
    append(shadow_folder(watched.installation.settings), payloads)


def test_a_shadow_is_compared_pair_by_pair(watched: Watched, other: Path) -> None:
    settings, model = watched.installation.settings, begin(watched, other, "shadow")
    names = answers(watched, [0.9, 0.8, 0.7, 0.1, 0.2, 0.3, 0.5, 0.6])
    # Two differ: 0.3 becomes 0.5 (called), 0.5 becomes 0.1 (not called); one is refused, one was never asked.
    shadow_says(watched, model, names[:7], [0.9, 0.8, 0.7, 0.2, None, 0.5, 0.1])
    found = compare(UC, settings)
    assert (found["requests"], found["pairs"], found["answered"], found["patients"]) == (8, 7, 6, 6)
    assert found["refused_by"] == {"both": 0, "champion": 0, "challenger": 1}
    item = found["findings"]["tuberculosis"]
    assert (item["same"]["value"], item["same"]["n"], item["up"], item["down"]) == (pytest.approx(4 / 6), 6, 1, 1)
    # Apart by 0, 0, 0, 0.1, 0.2 and 0.4.
    assert (item["apart"]["median"], item["apart"]["largest"]) == (pytest.approx(0.05), pytest.approx(0.4))
    assert "was asked 7 of 8 requests and decided alike in 66.7% of them" in found["says"]
    text = told(found)
    assert "by the challenger alone 1" in text and "same decision 0.667" in text


def test_with_labels_both_are_judged_on_the_same_requests(watched: Watched, other: Path) -> None:
    settings, model = watched.installation.settings, begin(watched, other, "shadow")
    names = answers(watched, [0.9, 0.3, 0.2, 0.6, 0.9])
    shadow_says(watched, model, names[:4], [0.8, 0.7, 0.1, 0.2])
    watched.label(names, ["tuberculosis", "tuberculosis", "normal", "normal", "normal"])
    found = compare(UC, settings)["labelled"]
    # The fifth has a label and no shadow: neither is judged by it.
    sides = {side: found[side]["findings"]["tuberculosis"] for side in ("champion", "challenger")}
    assert {side: (item["sensitivity"]["value"], item["specificity"]["value"]) for side, item in sides.items()} == {
        "champion": (0.5, 0.5),
        "challenger": (1.0, 1.0),
    }
    assert found["champion"]["n"] == found["challenger"]["n"] == 4
    gained = found["gained"]["tuberculosis"]
    assert (gained["sensitivity"]["value"], gained["specificity"]["value"]) == (0.5, 0.5)
    # Pairs of a positive and a negative that are ranked rightly: 3 of 4 (0.3 is below 0.6), then all.
    assert gained["auroc"]["value"] == pytest.approx(0.25)


def test_a_canary_is_another_sample(watched: Watched, other: Path) -> None:
    settings, model = watched.installation.settings, begin(watched, other, "canary", 0.25)
    answers(watched, [0.9, 0.8, 0.1, 0.2])
    images = OWN.draw(2, np.random.default_rng(4)) | {"probabilities": np.array([[0.9], [0.1]])}
    taken = list(watched.payloads(images, model=model))
    append(answers_folder(settings), taken)
    append(answers_folder(settings), [answer_payload(99, model=model) | refusal("foreign")])
    found = compare(UC, settings)
    assert (found["requests"], found["requests_challenger"], found["answered"]) == (4, 3, 2)
    mine = found["sides"]["challenger"]
    assert mine["refused"]["value"] == pytest.approx(1 / 3) and mine["called"]["tuberculosis"]["value"] == 0.5
    assert found["sides"]["champion"]["called"]["tuberculosis"]["value"] == 0.5
    assert "As a canary for 25% of the requests it was asked 3 times" in found["says"]
    assert "challenger 3 requests, refused 0.333" in told(found)


def test_before_anybody_asked_there_is_nothing_to_compare(watched: Watched, other: Path) -> None:
    settings = watched.installation.settings
    with pytest.raises(Refusal, match="nothing answers beside tb-cxr's champion"):
        compare(UC, settings)
    begin(watched, other, "shadow")
    found = watched.installation.call("challenger", "compare", UC)
    assert (found["requests"], found["pairs"], found["findings"]["tuberculosis"]["same"]["value"]) == (0, 0, None)
    assert watched.installation.call("challenger", "compare", UC, "--record", check=3)["error"]["code"] == "nothing_to_compare"
    begin(watched, other, "canary", 0.5)
    assert watched.installation.call("challenger", "compare", UC, "--record", check=3)["error"]["code"] == "nothing_to_compare"


def test_what_a_shadow_decides_otherwise_is_worth_a_label_first(watched: Watched, other: Path) -> None:
    model = begin(watched, other, "shadow")
    names = answers(watched, [0.9] * 12)
    shadow_says(watched, model, names, [0.1 if place == 7 else 0.9 for place in range(12)])
    found = {item.request_id: item for item in queue(UC, watched.installation.settings, 12).requests}
    assert "the shadow decides otherwise" in found[names[7]].why
    assert sum("the shadow decides otherwise" in item.why for item in found.values()) == 1
    plain = {item.request_id: item for item in ranked_without(watched)}
    assert found[names[7]].score > plain[names[7]].score


def ranked_without(watched: Watched) -> Any:
    """Return the list as it would be without a shadow."""
    from radloop.inference.challenger import remove_challenger

    remove_challenger(watched.installation.settings.bundles, UC)
    return queue(UC, watched.installation.settings, 12).requests
