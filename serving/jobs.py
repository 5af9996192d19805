"""Work that outlasts its request: a few jobs, one at a time, each known to who sent it, and forgotten after a while."""

from __future__ import annotations

import logging
import threading
import time
import traceback
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from radloop.errors import InputError, RadloopError, Refusal, ToolError
from radloop.serving.problems import TryLater

logger = logging.getLogger("bentoml.radloop")  # BentoML writes what is below its own logger

WAITING = 2
"""How many jobs may wait beside the one that runs: each holds its upload in memory."""
KEPT_SECONDS = 3600.0
"""How long a finished job is known."""
KEPT = 64
"""How many finished jobs are known at the most."""

Status = Literal["waiting", "running", "done", "failed", "cancelled"]
Result = TypeVar("Result")


class Cancelled(Exception):  # noqa: N818 - it is no error
    """Raise in a job's work once nobody wants it any more."""


@dataclass
class Job(Generic[Result]):
    """One of them.

    Attributes:
        owner: the id of the key that sent it; None in open mode.
        done: a number that grows while it works.
        wanted: cleared by a cancellation.
        finished: by the clock of `Jobs`; None before.
    """

    owner: str | None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    status: Status = "waiting"
    done: int = 0
    result: Result | None = None
    error: RadloopError | None = None
    finished: float | None = None
    stopped: threading.Event = field(default_factory=threading.Event)

    def step(self) -> None:
        """Say that work goes on.

        Raises:
            Cancelled: nobody wants it any more.
        """
        if self.stopped.is_set():
            raise Cancelled
        self.done += 1


class Jobs(Generic[Result]):
    """The jobs of this process; a restart forgets them all, and their uploads were never on a disk."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with none; `clock` gives seconds."""
        self._clock = clock
        self._jobs: dict[str, Job[Result]] = {}
        self._guard = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="radloop-job")

    def submit(self, owner: str | None, work: Callable[[Job[Result]], Result]) -> Job[Result]:
        """Take a job on.

        Raises:
            TryLater: `too_many_jobs`.
        """
        job: Job[Result] = Job(owner)
        with self._guard:
            self._expire()
            under_way = sum(one.finished is None for one in self._jobs.values())
            if under_way > WAITING:
                raise TryLater("too_many_jobs", f"{under_way} jobs are under way already", "ask again later", 10)
            self._jobs[job.id] = job
        self._thread.submit(self._run, job, work)
        return job

    def get(self, name: str, owner: str | None) -> Job[Result]:
        """Return a job.

        Raises:
            InputError: `unknown_job`: there is none of that id, or another key sent it.
        """
        with self._guard:
            self._expire()
            job = self._jobs.get(name)
        if job is None or job.owner != owner:
            raise InputError("unknown_job", "there is no such job", "a job is known to who sent it, for an hour after its end")
        return job

    def result(self, name: str, owner: str | None) -> Result:
        """Return what came of a job.

        Raises:
            InputError: `unknown_job`.
            Refusal: `job_not_done`, `job_cancelled`, or why it failed.
        """
        job = self.get(name, owner)
        if job.error is not None:
            raise job.error
        if job.result is None:
            if job.status == "cancelled":
                raise Refusal("job_cancelled", "the job was cancelled", "send it again")
            raise Refusal("job_not_done", f"the job is {job.status}", "ask for its status until that is done")
        return job.result

    def cancel(self, name: str, owner: str | None) -> Job[Result]:
        """Stop a job, or forget what came of it.

        Raises:
            InputError: `unknown_job`.
        """
        job = self.get(name, owner)
        job.stopped.set()
        with self._guard:
            if job.status == "waiting":
                self._finish(job, "cancelled")
            elif job.finished is not None:
                self._jobs.pop(job.id, None)
        return job

    def close(self) -> None:
        """Stop all; the one that runs ends at its next frame."""
        for job in list(self._jobs.values()):
            job.stopped.set()
        self._thread.shutdown(cancel_futures=True)

    def _run(self, job: Job[Result], work: Callable[[Job[Result]], Result]) -> None:
        with self._guard:
            if job.finished is not None:
                return
            job.status = "running"
        status: Status = "done"
        try:
            job.result = work(job)
        except Cancelled:
            status = "cancelled"
        except RadloopError as error:
            status, job.error = "failed", error
        except Exception as error:  # noqa: BLE001 - the last net: whoever waits is told, the log has no content
            logger.error("a job failed: %s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
            status, job.error = "failed", ToolError("internal_error", "the service failed on this job", "report the request id")
        with self._guard:
            self._finish(job, status)

    def _finish(self, job: Job[Result], status: Status) -> None:
        job.status, job.finished = status, self._clock()

    def _expire(self) -> None:
        now = self._clock()
        over = sorted((job for job in self._jobs.values() if job.finished is not None), key=lambda job: job.finished or 0.0)
        for number, job in enumerate(over):
            if now - (job.finished or 0.0) > KEPT_SECONDS or number < len(over) - KEPT:
                del self._jobs[job.id]
