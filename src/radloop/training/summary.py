"""The page about a search: one HTML file with Optuna's own plots and every trial, that asks no network."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import optuna
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from optuna.trial import FrozenTrial, TrialState
from optuna.visualization import matplotlib as plots

from radloop.records.seal import write_atomic
from radloop.training.plan import direction, distributions, epochs, steps
from radloop.use_case import Search, UseCase

_INCHES = (7.0, 4.2)
_DPI = 110
_STATES = {TrialState.COMPLETE: "finished", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


@dataclass(frozen=True)
class _Plot:
    """A plot of Optuna's.

    Attributes:
        draw: called with the study.
        trials: finished trials that it needs.
        params: parameters that it needs.
        epochs: a trial's epochs that it needs.
    """

    title: str
    caption: str
    draw: Callable[[optuna.Study], Axes]
    trials: int = 2
    params: int = 0
    epochs: int = 1


_PLOTS = (
    _Plot("Optimization history", "The value of each finished trial, and the best so far.", plots.plot_optimization_history),
    _Plot(
        "Intermediate values",
        "The objective after each epoch, from 0, a line a trial; one that ends early was pruned or stopped.",
        plots.plot_intermediate_values,
        epochs=2,
    ),
    _Plot(
        "Parameter importances",
        "How much of what sets the better trials apart each parameter explains (PED-ANOVA).",
        plots.plot_param_importances,
        params=2,
    ),
    _Plot(
        "Parallel coordinates",
        "Each line is a finished trial through its parameters; the darker, the better.",
        plots.plot_parallel_coordinate,
        params=2,
    ),
)


def write_summary(use_case: UseCase, trials: Sequence[FrozenTrial], lent: int, best: FrozenTrial | None, path: Path) -> Path:
    """Write the page and return its path; a plot that makes no sense is a sentence instead.

    Args:
        use_case: whose search it is.
        trials: of this search in their order, all done.
        lent: how many trials of an earlier search the sampler began with.
        best: the chosen trial; None if none finished.
        path: of the file.
    """
    search = use_case.search
    text = (
        _environment()
        .get_template("summary.html.j2")
        .render(
            use_case=use_case,
            search=search,
            budget=_budget(search),
            lent=lent,
            states={word: sum(trial.state == state for trial in trials) for state, word in _STATES.items()},
            epochs=epochs(trials),
            seconds=sum(float(trial.user_attrs.get("seconds", 0.0)) for trial in trials),
            best=None if best is None else next(_row(place, trial) for place, trial in enumerate(trials) if trial is best),
            figures=[_figure(plot, search, trials) for plot in _PLOTS],
            params=list(distributions(search.space)),
            rows=[_row(place, trial) for place, trial in enumerate(trials)],
        )
    )
    write_atomic(path, text.encode("utf-8"))
    return path


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("radloop.training", ""), PackageLoader("radloop.exploration", "")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["value"] = _value
    environment.filters["duration"] = _duration
    return environment


def _value(value: Any) -> str:
    """Return a number or a word as the page shows it; what is not known is a dash."""
    if value is None:
        return "\N{EN DASH}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "\N{EN DASH}"
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


def _budget(search: Search) -> str:
    parts = [f"{search.trials} trials of at most {search.max_epochs} epochs"]
    if search.folds:
        parts[0] += f" in each of {search.folds} folds"
    if search.minutes is not None:
        parts.append(f"{search.minutes:g} minutes inside trials")
    if search.epochs is not None:
        parts.append(f"{search.epochs} epochs in all")
    return ", ".join(parts)


def _row(place: int, trial: FrozenTrial) -> dict[str, Any]:
    facts = trial.user_attrs
    return {
        "trial": place,
        "state": _STATES.get(trial.state, "unfinished"),
        "value": trial.value if trial.state == TrialState.COMPLETE else None,
        "epoch": None if facts.get("epoch") is None else int(facts["epoch"]) + 1,
        "epochs": len(trial.intermediate_values),
        "seconds": facts.get("seconds"),
        "params": trial.params,
        "fold": facts.get("fold"),
        "fold_values": facts.get("fold_values", []),
        "run_id": facts.get("run_id"),
        "error": facts.get("error"),
        "batch_size": facts.get("batch_size"),
    }


def _figure(plot: _Plot, search: Search, trials: Sequence[FrozenTrial]) -> dict[str, str | None]:
    """Return a plot with its picture, or with the reason why there is none."""
    why = _missing(plot, search, trials)
    png = None
    if why is None:
        try:
            png = _png(plot.draw, _copy(search, trials))
        except (ValueError, RuntimeError) as error:
            why = f"Optuna cannot draw it: {type(error).__name__}."
    return {"title": plot.title, "caption": plot.caption, "png": png, "why": why}


def _missing(plot: _Plot, search: Search, trials: Sequence[FrozenTrial]) -> str | None:
    """Return why a plot would say nothing, or None."""
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    names = distributions(search.space)
    if len(complete) < plot.trials:
        return f"Needs {plot.trials} finished trials; there {'is' if len(complete) == 1 else 'are'} {len(complete)}."
    if len(names) < plot.params:
        return f"Needs {plot.params} parameters; the search draws {len(names)}."
    if steps(search) < plot.epochs:
        return "Each trial trains for one epoch: there is no line to draw."
    if plot.params and len({trial.value for trial in complete}) == 1:
        return "Every trial has the same value: nothing sets the better ones apart."
    return None


def _copy(search: Search, trials: Sequence[FrozenTrial]) -> optuna.Study:
    """Return the search's own trials under their own numbers, without those an earlier search lent."""
    copy = optuna.create_study(direction=direction(search))
    copy.add_trials([trial for trial in trials if trial.state in _STATES])
    return copy


def _png(draw: Callable[[optuna.Study], Axes], study: optuna.Study) -> str:
    with _drawing():
        figure = draw(study).get_figure(root=True)
        if figure is None:
            raise ValueError("the plot has no figure")
        figure.set_size_inches(*_INCHES)
        figure.tight_layout()
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=_DPI, metadata={"Software": None})
    return base64.b64encode(stream.getvalue()).decode()


@contextmanager
def _drawing() -> Iterator[None]:
    """Let Optuna draw without a screen, and leave no trace: it sets pyplot's style for the whole process."""
    backend = mpl.get_backend()
    with warnings.catch_warnings(), mpl.rc_context():
        warnings.simplefilter("ignore")  # every plot is marked experimental, and warns of each pruned trial
        plt.switch_backend("agg")
        before = plt.get_fignums()
        try:
            yield
        finally:
            for number in set(plt.get_fignums()) - set(before):
                plt.close(number)
            plt.switch_backend(backend)
