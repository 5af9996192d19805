"""The search's page: Optuna's plots where they say something, a sentence where not, and nothing fetched from anywhere."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from installations import small_phantom_config
from matplotlib import pyplot as plt
from optuna.trial import FrozenTrial, TrialState, create_trial

from radloop.training.plan import distributions
from radloop.training.summary import write_summary
from radloop.use_case import UseCase


def use_case(**changes: Any) -> UseCase:
    config = {name: part for name, part in small_phantom_config().items() if name not in ("fusion", "severity", "location")}
    config["search"] |= {"trials": 6, "max_epochs": 3, "objective": "auroc"} | changes
    return UseCase.model_validate_json(json.dumps(config))


def trial(asked: UseCase, number: int, state: TrialState = TrialState.COMPLETE, **facts: Any) -> FrozenTrial:
    values = {"dropout": number / 20, "learning_rate": 5e-4 * (1 + number / 4)}
    drawn = distributions(asked.search.space)
    return create_trial(
        state=state,
        params={name: values[name] for name in drawn},
        distributions=drawn,
        value=0.8 + number / 100 if state == TrialState.COMPLETE else None,
        intermediate_values={} if state == TrialState.FAIL else {0: 0.6, 1: 0.7 + number / 100},
        user_attrs={"run_id": f"{number:032x}", "seconds": 70.0, "epoch": 1} | facts,
    )


def page(asked: UseCase, trials: list[FrozenTrial], folder: Path, best: int | None = 0, lent: int = 0) -> str:
    chosen = None if best is None else trials[best]
    return write_summary(asked, trials, lent, chosen, folder / "search.html").read_text()


def sentences(text: str) -> list[str]:
    return re.findall(r'<p class="missing">(.*?)</p>', text)


def test_a_full_search_has_four_plots_and_every_trial(tmp_path: Path) -> None:
    asked = use_case()
    trials = [trial(asked, number) for number in range(3)] + [trial(asked, 3, batch_size=16)]
    trials += [trial(asked, 4, TrialState.PRUNED), trial(asked, 5, TrialState.FAIL, error="RuntimeError: a <b> & c")]
    text = page(asked, trials, tmp_path, best=3)
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', text)
    assert len(pictures) == 4
    assert len(set(pictures)) == 4
    assert all(base64.b64decode(picture).startswith(b"\x89PNG") for picture in pictures)
    assert sentences(text) == []
    assert [f"{number:032x}" in text for number in range(6)] == [True] * 6
    assert "RuntimeError: a &lt;b&gt; &amp; c" in text
    assert "<dt>Best auroc</dt><dd>0.83</dd>" in text
    assert "<dt>Finished</dt><dd>4</dd>" in text
    assert "<dt>Pruned</dt><dd>1</dd>" in text
    assert "<dt>Epochs</dt><dd>10</dd>" in text  # 5 trials of 2
    assert "7.0 min</dd>" in text
    assert text.count("memory ran out: 16 images a step") == 1
    assert "6 trials of at most 3 epochs" in text


def test_the_page_fetches_nothing(tmp_path: Path) -> None:
    asked = use_case()
    text = page(asked, [trial(asked, number) for number in range(3)], tmp_path)
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", text)
    assert "<script" not in text
    assert "default-src 'none'" in text
    assert "SYNTHETIC" in text


def test_one_finished_trial_is_no_plot(tmp_path: Path) -> None:
    asked = use_case()
    text = page(asked, [trial(asked, 0), trial(asked, 1, TrialState.PRUNED)], tmp_path)
    assert sentences(text) == ["Needs 2 finished trials; there is 1."] * 4


def test_no_trial_at_all_is_still_a_page(tmp_path: Path) -> None:
    text = page(use_case(), [], tmp_path, best=None)
    assert "None was started." in text
    assert sentences(text) == ["Needs 2 finished trials; there are 0."] * 4
    assert "<dt>Best trial</dt><dd>\N{EN DASH}</dd>" in text


def test_one_parameter_has_no_importance_and_one_epoch_no_line(tmp_path: Path) -> None:
    asked = use_case(max_epochs=1, space={"dropout": {"kind": "float", "low": 0.0, "high": 0.4}})
    text = page(asked, [trial(asked, number) for number in range(3)], tmp_path)
    assert sentences(text) == [
        "Each trial trains for one epoch: there is no line to draw.",
        "Needs 2 parameters; the search draws 1.",
        "Needs 2 parameters; the search draws 1.",
    ]


def test_equal_values_set_nothing_apart(tmp_path: Path) -> None:
    asked = use_case()
    text = page(asked, [trial(asked, 0), trial(asked, 0)], tmp_path)
    assert sentences(text) == ["Every trial has the same value: nothing sets the better ones apart."] * 2


def test_the_fold_that_is_kept_is_named(tmp_path: Path) -> None:
    asked = use_case(folds=3)
    text = page(asked, [trial(asked, 0, fold=2, fold_values=[0.75, 0.9, 0.8])], tmp_path, lent=4)
    assert "the network of fold 2 of trial 0, whose own value, 0.8, is the median of 0.75, 0.9, 0.8." in text
    assert "began with 4 finished trials" in text


def test_drawing_leaves_matplotlib_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(mpl.rcParams, "axes.facecolor", "pink")
    before = mpl.get_backend(), plt.get_fignums()
    asked = use_case()
    page(asked, [trial(asked, number) for number in range(3)], tmp_path)
    assert mpl.rcParams["axes.facecolor"] == "pink"
    assert (mpl.get_backend(), plt.get_fignums()) == before
