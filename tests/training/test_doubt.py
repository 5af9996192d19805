"""Labels that are set aside: found by networks that never saw the image, and the work of a crash is used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radloop.errors import Refusal
from radloop.records.runs import Run
from radloop.settings import Settings
from radloop.training.doubt import FOLDS, set_aside
from radloop.training.epochs import EpochEnd
from radloop.training.mitigation import mitigated
from radloop.training.pixels import Pixels
from radloop.training.trial import TrialOutcome, TrialSpec, run_trial
from radloop.use_case import UseCase
from tests.training.conftest import Cases

ASKED = {"attribute": "sex", "labels": "set_aside", "most": 0.4}
SEARCH = {
    "max_epochs": 8,
    "recipe": {
        "backbone": "efficientnet-lite0",
        "learning_rate": 0.003,
        "backbone_rate": 1.0,
        "batch_size": 8,
        "augmentation": 0.0,
    },
}


@pytest.fixture
def noisy(cases: Cases) -> Pixels:
    """Ninety images, of which four of F in `train` have the other label."""
    made = cases.pixels(90)
    split = made.frame["split"].tolist()
    frame = pd.DataFrame({"split": split, "patient": [f"P{n}" for n in range(90)], "sex": ["FM"[n % 2] for n in range(90)]})
    truths = made.truths.copy()
    wrong = [n for n in range(90) if split[n] == "train" and n % 2 == 0][:4]
    truths[wrong] = 1 - truths[wrong]
    return replace(made, truths=truths, frame=frame)


def test_wrong_labels_are_set_aside_and_what_a_crash_left_is_used(cases: Cases, noisy: Pixels, tmp_path: Path) -> None:
    use_case = cases.use_case(mitigation=ASKED, search=SEARCH)
    settings = Settings(root=tmp_path, home=tmp_path / ".radloop")
    run = Run(tmp_path / "run", "key", 1)
    trained: list[int] = []

    def train(spec: TrialSpec, asked: UseCase, pixels: Pixels, told: EpochEnd) -> TrialOutcome:
        if len(trained) == 1:
            trained.append(-1)
            raise KeyboardInterrupt
        trained.append(spec.number)
        return run_trial(spec, asked, pixels, told)

    with pytest.raises(KeyboardInterrupt):
        set_aside(use_case, noisy, run, {}, settings, train)
    found = set_aside(use_case, noisy, run, {}, settings, train)
    assert trained == [0, -1, 1, 2]
    assert len(trained) == FOLDS + 1
    wrong = {(n, 0) for n in (0, 4, 6, 10)}
    assert len(wrong & set(found)) >= 3
    assert len(set(found) - wrong) <= 8  # of 56
    learnt = mitigated(noisy, found, use_case)
    assert np.isnan(learnt.truths[[row for row, _ in found]]).all()
    assert len(learnt.taught("train")) == 60 - len(found)
    with pytest.raises(Refusal, match=r"of the labels of sex F in train; mitigation\.most allows 1%"):
        set_aside(cases.use_case(mitigation=ASKED | {"most": 0.01}, search=SEARCH), noisy, run, {}, settings, train)


def test_reweighting_weighs_what_is_taught_and_nothing_else(cases: Cases, noisy: Pixels) -> None:
    use_case = cases.use_case(mitigation={"attribute": "sex", "training": "reweighting"})
    found = mitigated(noisy, [], use_case)
    assert found.weights is not None
    train = noisy.taught("train")
    assert found.weights[train].mean() == pytest.approx(1.0, abs=1e-6)  # every label occurs in both groups
    assert (found.weights[noisy.taught("tune")] == 1).all()
    assert mitigated(noisy, [], cases.use_case()) is noisy
