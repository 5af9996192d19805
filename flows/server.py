"""Running a flow from the command line: on a Prefect server if one is set, else on an embedded one."""

from __future__ import annotations

import json
import os
import signal
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

from radloop.errors import RadloopError, ToolError
from radloop.records.seal import write_atomic
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
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
    # The flow's log goes to Prefect's database, for its UI; a person at the terminal sees our progress and our errors.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "radloop")


def run_flow(
    use_case: str, source: Path | None, trials: int | None, max_epochs: int | None, minutes: float | None, settings: Settings
) -> dict[str, Any]:
    """Run the retrain flow and return its result.

    Raises:
        RadloopError: as a stage raised it.
    """
    prepare(settings)
    warm = _start_server(settings)
    for module in _TOOLS:
        import_module(module)
    if warm is not None:
        warm.join()
    from radloop.flows.retrain import retrain

    try:
        result = retrain(use_case, None if source is None else str(source.resolve()), trials, max_epochs, minutes)
    except RadloopError:
        raise
    except Exception as error:
        found = _radloop_error(error)
        if found is not None:
            raise found from error
        raise ToolError(
            "flow_failed", f"the flow failed: {type(error).__name__}: {_first_line(error)}", "see the flow run's log in Prefect"
        ) from error
    return dict(result)


def _start_server(settings: Settings) -> threading.Thread | None:
    """Start the embedded server while this process imports torch, Lightning and MLflow: each takes seconds."""
    if settings.prefect_api_url:
        return None

    note = settings.place / "prefect" / "server.json"
    _stop_orphan(note)

    from prefect.server.api.server import SubprocessASGIServer

    server = SubprocessASGIServer()

    def start() -> None:
        server.start()
        if server.server_process is not None:
            write_atomic(note, json.dumps({"server": server.server_process.pid, "parent": os.getpid()}).encode())

    thread = threading.Thread(target=start, name="prefect-server", daemon=True)
    thread.start()
    return thread


def _stop_orphan(note: Path) -> None:
    """Stop the server of a run that was killed: it would never end by itself."""
    try:
        pids = json.loads(note.read_bytes())
        orphan = not Path(f"/proc/{pids['parent']}").exists()
        command = Path(f"/proc/{pids['server']}/cmdline").read_bytes()
    except (OSError, ValueError, KeyError):
        return
    if orphan and b"prefect" in command:
        os.kill(pids["server"], signal.SIGTERM)


def _radloop_error(error: BaseException | None) -> RadloopError | None:
    while error is not None:
        if isinstance(error, RadloopError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0][:300]
