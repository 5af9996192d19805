"""Running a flow from the command line: on a Prefect server if one is set, else on an embedded one."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from radloop.errors import RadloopError, ToolError
from radloop.flows.embedded_server import start_unless
from radloop.settings import Settings

_TOOLS = (
    "great_expectations",
    "mlflow.pyfunc",
    "radloop.training.search",
    "radloop.packaging.package",
    "radloop.governance.promotion",
    "radloop.governance.judging",
    "radloop.flows.retrain",
)
"""What every run of the loop imports in the end: done while the server starts, on another core."""


def prepare(settings: Settings) -> None:
    """Point Prefect at the installation; must run before Prefect is imported."""
    (settings.place / "prefect").mkdir(parents=True, exist_ok=True)
    os.environ.update(settings.environment())
    # The flow's log goes to Prefect's database, for its UI; a person at the terminal sees our progress and our errors.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "radloop")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # it is read when MLflow is imported, which is here


def run_flow(
    use_case: str, source: Path | None, trials: int | None, max_epochs: int | None, minutes: float | None, settings: Settings
) -> dict[str, Any]:
    """Run the retrain flow and return its result.

    Raises:
        RadloopError: as a stage raised it.
    """
    prepare(settings)
    server = start_unless(settings.prefect_api_url)
    for module in _TOOLS:
        import_module(module)
    if server is not None:
        server.wait()
    from radloop.flows.ingest import covered
    from radloop.flows.retrain import retrain

    try:
        # A word such as medmnist:pneumoniamnist names no place.
        place = source.resolve() if source is not None and source.exists() else source
        result = retrain(use_case, None if place is None else covered(place), trials, max_epochs, minutes)
    except RadloopError:
        raise
    except Exception as error:
        raise _radloop_error(error) from error
    return dict(result)


def run_when_due(
    use_case: str, trials: int | None, max_epochs: int | None, minutes: float | None, settings: Settings
) -> dict[str, Any]:
    """Run the flow that retrains when something asks for it, and return its result.

    Raises:
        RadloopError: as a stage raised it.
    """
    budget = {"trials": trials, "max_epochs": max_epochs, "minutes": minutes}
    return _run("triggers", lambda flows: flows.retrain_when_due(use_case, **budget), settings)


def run_deploy(use_case: str, version: int | None, settings: Settings) -> dict[str, Any]:
    """Run the deploy flow and return what is served.

    Raises:
        RadloopError: as the deployment raised it.
    """
    return _run("deploy", lambda flows: flows.deploy(use_case, version), settings)


def _run(module: str, asked: Callable[[Any], Mapping[str, Any]], settings: Settings) -> dict[str, Any]:
    """Run a flow of a module, which is imported while the server starts."""
    prepare(settings)
    server = start_unless(settings.prefect_api_url)
    flows = import_module(f"radloop.flows.{module}")
    if server is not None:
        server.wait()
    try:
        return dict(asked(flows))
    except RadloopError:
        raise
    except Exception as error:
        raise _radloop_error(error) from error


def _radloop_error(error: BaseException) -> RadloopError:
    """Return the error of ours behind one of Prefect's, or say what failed."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, RadloopError):
            return cause
        cause = cause.__cause__ or cause.__context__
    words = f"the flow failed: {type(error).__name__}: {_first_line(error)}"
    return ToolError("flow_failed", words, "see the flow run's log in Prefect")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0][:300]
