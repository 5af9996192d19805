"""The search's study in Optuna's storage: opened or found again, and what an earlier one lends it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from radloop.records.runs import Run
from radloop.settings import Settings
from radloop.training.plan import direction, distributions
from radloop.use_case import UseCase

_FROM = "from"
"""A trial's attribute: the study and number that it was copied from."""
_ASKED = "asked"
_BEGUN = "begun"
_LENDER = "lender"
_FAILED = "failed"


def open_study(use_case: UseCase, run: Run, settings: Settings) -> optuna.Study:
    """Return the search's study, which a crash may have left half-done.

    A study of which no trial finished is begun anew: whoever gives the command again has mended the cause.
    """
    study = _created(use_case, run, settings)
    if study.user_attrs.get(_FAILED):
        optuna.delete_study(study_name=study.study_name, storage=_storage(settings))
        study = _created(use_case, run, settings)
    if _ASKED not in study.user_attrs:
        study.set_user_attr(_BEGUN, datetime.now(UTC).isoformat())
        study.set_user_attr(_ASKED, _asked(use_case))
    if use_case.search.warm_start and not own(study):
        _borrow(study, use_case, settings)
    return study


def load_study(use_case: UseCase, run: Run, settings: Settings) -> optuna.Study:
    """Return the search's study in another process of the same search."""
    _quiet()
    return optuna.load_study(study_name=_name(use_case, run), storage=_storage(settings), sampler=_sampler())


def mark_failed(study: optuna.Study) -> None:
    """Note that no trial of the search finished."""
    study.set_user_attr(_FAILED, True)


def own(study: optuna.Study) -> list[FrozenTrial]:
    """Return the search's own trials in their order."""
    return [trial for trial in study.get_trials(deepcopy=False) if _FROM not in trial.user_attrs]


def borrowed(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that an earlier search lent; none of them counts as a trial of this one."""
    return [trial for trial in study.get_trials(deepcopy=False) if _FROM in trial.user_attrs]


def _created(use_case: UseCase, run: Run, settings: Settings) -> optuna.Study:
    _quiet()
    if settings.optuna_url is None:
        (settings.place / "optuna").mkdir(parents=True, exist_ok=True)
    return optuna.create_study(
        study_name=_name(use_case, run),
        storage=_storage(settings),
        direction=direction(use_case.search),
        sampler=_sampler(),
        load_if_exists=True,
    )


def _quiet() -> None:
    """Let Optuna tell of what is wrong only, not of each copy that is made in memory."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _name(use_case: UseCase, run: Run) -> str:
    return f"{use_case.name}/{run.name}"


def _storage(settings: Settings) -> optuna.storages.RDBStorage:
    # Workers write the same SQLite file: they wait for each other rather than fail.
    patience = {"connect_args": {"timeout": 60}} if settings.search_url.startswith("sqlite") else None
    return optuna.storages.RDBStorage(settings.search_url, engine_kwargs=patience)


def _sampler() -> optuna.samplers.BaseSampler:
    """Return a sampler that is never asked: every trial is planned before it is in the storage."""
    return optuna.samplers.RandomSampler(seed=0)


def _asked(use_case: UseCase) -> dict[str, Any]:
    """Return what two searches have in common when the trials of one tell something about the other's."""
    search = use_case.search
    return {"space": search.space.model_dump(mode="json"), "objective": search.objective, "folds": search.folds}


def _borrow(study: optuna.Study, use_case: UseCase, settings: Settings) -> None:
    """Copy the lender's trials, going on where a crash stopped it."""
    if _LENDER not in study.user_attrs:
        study.set_user_attr(_LENDER, _lender(study, use_case, settings))
    name = study.user_attrs[_LENDER]
    if name is None:
        return
    there = {trial.user_attrs[_FROM] for trial in borrowed(study)}
    for trial in _lent(optuna.load_study(study_name=name, storage=_storage(settings))):
        mark = f"{name}#{trial.number}"
        if mark not in there:
            study.add_trial(_copied(trial, mark, use_case))


def _lender(study: optuna.Study, use_case: UseCase, settings: Settings) -> str | None:
    """Return the use case's last search with the same space and objective of which a trial finished."""
    found = [
        (str(summary.user_attrs[_BEGUN]), str(summary.study_name))
        for summary in optuna.get_all_study_summaries(_storage(settings), include_best_trial=False)
        if summary.study_name.startswith(f"{use_case.name}/")
        and summary.study_name != study.study_name
        and summary.user_attrs.get(_ASKED) == _asked(use_case)
    ]
    for _, name in sorted(found, reverse=True):
        if _lent(optuna.load_study(study_name=name, storage=_storage(settings))):
            return str(name)
    return None


def _lent(study: optuna.Study) -> Sequence[FrozenTrial]:
    return [trial for trial in own(study) if trial.state == TrialState.COMPLETE]


def _copied(trial: FrozenTrial, mark: str, use_case: UseCase) -> FrozenTrial:
    """Return a trial with nothing but what a sampler learns from: its weights and run stay the lender's."""
    return create_trial(
        state=TrialState.COMPLETE,
        params=trial.params,
        distributions=distributions(use_case.search.space),
        value=trial.value,
        user_attrs={_FROM: mark},
    )
