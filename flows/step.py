"""What every task of the loop shares: when to try again, and how work is named between tasks.

Inputs and outputs are names, paths and small JSON objects: Prefect hashes inputs and shows results.
"""

from __future__ import annotations

from typing import Any

from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.logging import get_run_logger
from prefect.tasks import Task

from radloop import stages
from radloop.errors import RadloopError, ToolError
from radloop.settings import Settings

Ticket = dict[str, Any]
"""Which run a task works on: use case, budget, data version and the run's name."""

_TRANSIENT = ("OperationalError", "StorageInternalError", "MlflowException")


def _is_transient(_task: Task[Any, Any], _run: TaskRun, state: State[Any]) -> bool:
    """Tell whether trying again may help: a lock, a lost connection; never a refusal or a wrong input."""
    error = state.result(raise_on_failure=False)
    if isinstance(error, RadloopError):
        return isinstance(error, ToolError) and error.code == "dvc_failed"
    return isinstance(error, OSError) or type(error).__name__ in _TRANSIENT


OPTIONS: dict[str, Any] = {
    "cache_policy": NO_CACHE,
    "persist_result": False,
    "retries": 2,
    "retry_delay_seconds": 2,
    "retry_condition_fn": _is_transient,
}


def run(name: str, ticket: Ticket) -> dict[str, Any]:
    """Run a stage of a ticket's run and log in one line that it did."""
    result = stages.run_stage(name, stages.resume_work(ticket, Settings()))
    get_run_logger().info("%s of %s done in %s s, run %s", name, ticket["use_case"], result["seconds"], ticket["run"])
    return result
