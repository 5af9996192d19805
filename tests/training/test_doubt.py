"""Labels that are set aside: contradicted by a network that was taught them, once, whatever crashes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radloop.errors import Refusal
from radloop.records.runs import Run
from radloop.settings import Settings
from radloop.training.doubt import set_aside
from radloop.training.epochs import EpochEnd
from radloop.training.mitigation import mitigated
from radloop.training.pixels import Pixels
from radloop.training.trial import TrialOutcome, TrialSpec, run_trial
from radloop.use_case import UseCase
from tests.training.conftest import Cases

ASKED = {"attribute": "sex", "labels": "set_aside", "most": 0.4}
N, WRONG = 180, 12
EPOCHS = 15
CUT = {"kind": "fixed", "value": 0.5}
# Of smaller batches or fewer epochs a network may come out badly trained, by chance: another processor's sums are enough.
SEARCH = {
    "max_epochs": EPOCHS,
    "recipe": {
        "backbone": "efficientnet-lite0",
        "learning_rate": 0.003,
        "backbone_rate": 1.0,
        "batch_size": 16,
        "augmentation": 0.0,
    },
}


@pytest.fixture
def noisy(cases: Cases) -> Pixels:
    """Images of which `WRONG` of F in `train` are called negative though they are not."""
    made = cases.pixels(N)
    split = made.frame["split"].tolist()
    frame = pd.DataFrame({"split": split, "patient": [f"P{n}" for n in range(N)], "sex": ["FM"[n % 2] for n in range(N)]})
    truths = made.truths.copy()
    truths[wrong(made)] = 0
    return replace(made, truths=truths, frame=frame)


def wrong(pixels: Pixels) -> list[int]:
    """Return the first rows of F in `train` that are positive."""
    split = pixels.frame["split"].tolist()
    return [n for n in range(N) if split[n] == "train" and n % 2 == 0 and pixels.truths[n, 0] == 1][:WRONG]


def test_wrong_labels_are_set_aside_once_and_a_crash_loses_nothing(cases: Cases, noisy: Pixels, tmp_path: Path) -> None:
    use_case = cases.use_case(mitigation=ASKED, search=SEARCH, operating_point=CUT)
    settings = Settings(root=tmp_path, home=tmp_path / ".radloop")
    run = Run(tmp_path / "run", "key", 1)
    told: list[int] = []

    def train(spec: TrialSpec, asked: UseCase, pixels: Pixels, tell: EpochEnd) -> TrialOutcome:
        def stopping(epoch: int, metrics: dict[str, float]) -> None:
            told.append(epoch)
            if told == [0, 1, 2]:
                raise OSError
            tell(epoch, metrics)

        return run_trial(spec, asked, pixels, stopping)

    with pytest.raises(OSError):
        set_aside(use_case, noisy, run, {}, settings, train)
    found = set_aside(use_case, noisy, run, {}, settings, train)
    # The epochs before the crash are told again, not trained; then come the other networks.
    assert told == [0, 1, 2, 0, 1, *range(2, EPOCHS), *range(EPOCHS), *range(EPOCHS)]
    planted = {(n, 0) for n in wrong(cases.pixels(N))}
    assert len(planted & set(found)) >= 7  # of 12
    assert len(set(found) - planted) <= 5
    assert {frozenset([row % 2, int(noisy.truths[row, 0])]) for row, _ in found} == {frozenset([0])}  # of F, called negative
    assert set_aside(use_case, noisy, run, {}, settings, train) == found
    assert len(told) == 3 * EPOCHS + 3
    learnt = mitigated(noisy, found, use_case)
    assert set(learnt.frame["split"].iloc[[row for row, _ in found]]) == {"set_aside"}
    assert len(learnt.taught("train")) == 2 * N // 3 - len(found)
    with pytest.raises(Refusal, match=r"of the labels of sex F in train though .*; mitigation\.most allows 1%"):
        set_aside(
            cases.use_case(mitigation=ASKED | {"most": 0.01}, search=SEARCH, operating_point=CUT), noisy, run, {}, settings, train
        )


def test_reweighting_weighs_what_is_taught_and_nothing_else(cases: Cases, noisy: Pixels) -> None:
    use_case = cases.use_case(mitigation={"attribute": "sex", "training": "reweighting"})
    found = mitigated(noisy, [], use_case)
    assert found.weights is not None
    train = noisy.taught("train")
    assert found.weights[train].mean() == pytest.approx(1.0, abs=1e-6)  # every label occurs in both groups
    assert (found.weights[noisy.taught("tune")] == 1).all()
    assert mitigated(noisy, [], cases.use_case()) is noisy


def test_of_findings_only_the_one_that_is_doubted_is_unknown(cases: Cases) -> None:
    labels = {"kind": "multilabel", "findings": ["a", "b"], "none": "none"}
    use_case = cases.use_case(labels=labels, source={"labels": {}}, mitigation={"attribute": "sex", "labels": "set_aside"})
    pixels = cases.pixels(12, outputs=2)
    found = mitigated(pixels, [(0, 1), (3, 0)], use_case)
    unknown = np.argwhere(np.isnan(found.truths)).tolist()
    assert unknown == [[0, 1], [3, 0]]
    assert not np.isnan(pixels.truths).any()
    assert len(found.taught("train")) == len(pixels.taught("train"))
