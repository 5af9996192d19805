"""How `radloop deploy` learns what the running service loaded: files, no port and no signal.

Each worker holds a lock on `<id>.lock` for its life and writes what it serves to `<id>.json`. A lock
that can be taken belongs to a worker that died, however it died.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO, TypeVar

from pydantic import Field, ValidationError

from radloop.errors import RadloopError, ToolError
from radloop.records.seal import canonical, write_atomic
from radloop.use_case import Section

T = TypeVar("T")
_LOCK = ".lock"


class WorkerRefusal(Section):
    """Why a worker does not serve a bundle; where one answered before, it still does."""

    bundle: str
    code: str
    message: str


class WorkerState(Section):
    """What one worker serves: use cases to digests.

    `loaded` names a bundle once the worker verified it and ran its self-test; its network may rest since.
    """

    id: str
    pid: int
    loaded: dict[str, str] = Field(default_factory=dict)
    refused: dict[str, WorkerRefusal] = Field(default_factory=dict)


def workers_folder(place: Path) -> Path:
    """Return the folder of an installation's workers; `place` is `Settings.place`."""
    return place / "serving" / "workers"


class Worker:
    """This process, as a worker that deployments wait for.

    Example:
        >>> worker = Worker(workers_folder(settings.place))     # doctest: +SKIP
        >>> worker.acknowledge("tb-cxr", "sha256:…")            # doctest: +SKIP
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._guard = threading.Lock()
        self._state = WorkerState(id=uuid.uuid4().hex, pid=os.getpid())
        folder.mkdir(parents=True, exist_ok=True)
        self._publish({}, {})
        # Locked before it gets its name: nobody may take a starting worker for a dead one.
        temporary = folder / f".{self._state.id}.tmp"
        self._lock: TextIO = temporary.open("w", encoding="utf-8")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        temporary.rename(folder / f"{self._state.id}{_LOCK}")

    @property
    def state(self) -> WorkerState:
        """Return what was last published."""
        return self._state

    def acknowledge(self, use_case: str, bundle: str) -> None:
        """Publish that a bundle answers from now on."""
        with self._guard:
            self._publish(self._state.loaded | {use_case: bundle}, _without(self._state.refused, use_case))

    def refuse(self, use_case: str, bundle: str, error: RadloopError) -> None:
        """Publish that a bundle was not loaded; what answered before still does."""
        refusal = WorkerRefusal(bundle=bundle, code=error.code, message=error.message)
        with self._guard:
            self._publish(self._state.loaded, self._state.refused | {use_case: refusal})

    def forget(self, use_case: str) -> None:
        """Publish that a use case is not served any more."""
        with self._guard:
            self._publish(_without(self._state.loaded, use_case), _without(self._state.refused, use_case))

    def close(self) -> None:
        """Leave; a crash has the same effect."""
        _remove(self._folder, self._state.id)
        self._lock.close()

    def _publish(self, loaded: dict[str, str], refused: dict[str, WorkerRefusal]) -> None:
        self._state = self._state.model_copy(update={"loaded": loaded, "refused": refused})
        write_atomic(self._folder / f"{self._state.id}.json", canonical(self._state.model_dump(mode="json")))


def live_workers(folder: Path) -> list[WorkerState]:
    """Return the state of each running worker; what dead ones left behind is removed."""
    states = []
    for lock in sorted(folder.glob(f"*{_LOCK}")):
        identity = lock.name.removesuffix(_LOCK)
        if not _is_alive(lock):
            _remove(folder, identity)
            continue
        try:
            states.append(WorkerState.model_validate_json((folder / f"{identity}.json").read_bytes()))
        except (FileNotFoundError, ValidationError):
            continue  # it left between the two looks
    return states


def wait_for(folder: Path, use_case: str, bundle: str, timeout: float) -> list[WorkerRefusal]:
    """Wait until every running worker has loaded or refused a bundle.

    Args:
        folder: of the workers.
        use_case: the one whose pointer was replaced.
        bundle: the digest it points at.
        timeout: seconds.

    Returns:
        the refusals; empty when every worker serves the bundle, or none runs.

    Raises:
        ToolError: `worker_silent`: a worker said neither in time; the message names it.
    """
    limit = time.monotonic() + timeout
    while True:
        waiting, refusals = [], []
        for state in live_workers(folder):
            refusal = state.refused.get(use_case)
            if refusal is not None and refusal.bundle == bundle:
                refusals.append(refusal)
            elif state.loaded.get(use_case) != bundle:
                waiting.append(state)
        if not waiting:
            return refusals
        if time.monotonic() >= limit:
            names = ", ".join(f"{state.id[:8]} (process {state.pid})" for state in waiting)
            raise ToolError(
                "worker_silent",
                f"worker {names} did not acknowledge {bundle[:19]} within {timeout:g} s",
                "look at the service's log, or restart it",
            )
        time.sleep(0.05)


def _without(members: Mapping[str, T], use_case: str) -> dict[str, T]:
    return {name: value for name, value in members.items() if name != use_case}


def _is_alive(lock: Path) -> bool:
    try:
        with lock.open("r+", encoding="utf-8") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _remove(folder: Path, identity: str) -> None:
    for name in (f"{identity}.json", f"{identity}{_LOCK}"):
        (folder / name).unlink(missing_ok=True)
