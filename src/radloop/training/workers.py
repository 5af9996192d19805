"""Several processes that run trials of one search side by side.

They are forked from a server that has imported what they need and nothing more: torch's threads would not survive a fork of
this process, and as many imports as workers would take longer than a small trial. What they share is Optuna's storage, MLflow and
the memory-mapped pixels. A worker ends with its parent, however that ends; the trial it leaves is run again.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from radloop.errors import RadloopError, ToolError
from radloop.training.pixels import Pixels
from radloop.training.runner import Job, Progress, Runner, reason
from radloop.training.study import load_study

_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class _Mapped:
    """A memory-mapped array, by its place: pickled as it is, it would travel byte by byte."""

    file: str
    offset: int
    dtype: str
    shape: tuple[int, ...]

    def open(self) -> NDArray[Any]:
        """Map it again, read-only."""
        return np.memmap(self.file, self.dtype, "r", self.offset, self.shape)


def run_workers(job: Job, interrupted: Sequence[int], progress: Progress) -> None:
    """Run a search's trials in `search.workers` processes, until the budget is spent.

    Args:
        job: what they work on.
        interrupted: ids of trials that a crash left running; each worker begins with its share of them.
        progress: called in this process.

    Raises:
        RadloopError: as a worker raised it; the others are ended.
        ToolError: a worker died.
    """
    count = job.search.workers
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    news: Any = context.Queue()
    sent = replace(job, pixels=_packed(job.pixels))
    workers = [
        context.Process(target=_work, args=(sent, interrupted[place::count], _threads(count), news), name=f"search-{place}")
        for place in range(count)
    ]
    try:
        for worker in workers:
            worker.start()
        _attend(workers, news, progress)
    finally:
        for worker in workers:
            if worker.is_alive():
                worker.terminate()
        for worker in workers:
            if worker.pid is not None:
                worker.join()


def _attend(workers: Sequence[BaseProcess], news: Any, progress: Progress) -> None:
    """Pass on what workers tell, until all of them have ended well."""
    furthest = 0
    left = list(workers)
    while True:
        for word in _drained(news):
            if isinstance(word, RadloopError):
                raise word
            done, total, note = word
            furthest = max(furthest, done)  # side by side the trials' epochs do not come in order
            progress(furthest, total, note)
        if not left:
            return
        wait([worker.sentinel for worker in left], _POLL_SECONDS)
        ended = [worker for worker in left if worker.exitcode is not None]
        if any(worker.exitcode for worker in ended):
            raise _why(ended, news)
        left = [worker for worker in left if worker not in ended]  # one that ended since is asked for its code in the next round


def _drained(news: Any) -> list[Any]:
    words = []
    while True:
        try:
            words.append(news.get_nowait())
        except queue.Empty:
            return words


def _why(ended: Sequence[BaseProcess], news: Any) -> RadloopError:
    """Return a worker's own last word, or that it died without one."""
    told = [word for word in _drained(news) if isinstance(word, RadloopError)]
    codes = sorted(worker.exitcode for worker in ended if worker.exitcode)
    died = ToolError(
        "worker_died",
        f"a worker of the search ended with code {codes[0]}",
        "run the same command again: it goes on; see its memory",
    )
    return told[0] if told else died


def _threads(workers: int) -> int:
    return max(1, len(os.sched_getaffinity(0)) // workers)


def _packed(pixels: Pixels) -> Pixels:
    """Return pixels whose memory-mapped arrays are named, not held."""
    changed: dict[str, Any] = {}
    for item in fields(pixels):
        value = getattr(pixels, item.name)
        # A part of a mapped array keeps the file's name but not its own place in it.
        if isinstance(value, np.memmap) and isinstance(value.base, mmap.mmap) and value.filename is not None:
            changed[item.name] = _Mapped(str(value.filename), value.offset, value.dtype.str, value.shape)
    return replace(pixels, **changed)


def _unpacked(pixels: Pixels) -> Pixels:
    named = {item.name: getattr(pixels, item.name) for item in fields(pixels)}
    opened: dict[str, Any] = {name: value.open() for name, value in named.items() if isinstance(value, _Mapped)}
    return replace(pixels, **opened)


def _work(job: Job, interrupted: Sequence[int], threads: int, news: Any) -> None:
    """Be a worker: run trials until the budget is spent, and send errors before leaving."""
    end_with_parent()
    torch.set_num_threads(threads)
    try:
        ready = replace(job, pixels=_unpacked(job.pixels))
        study = load_study(job.use_case, job.run, job.settings)
        Runner(ready, study, lambda *word: news.put(word)).work(interrupted)
    except RadloopError as error:
        news.put(error)
        raise SystemExit(1) from None
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent has to tell it
        news.put(
            ToolError("worker_failed", f"a worker of the search failed: {reason(error)}", "give the command again: it goes on")
        )
        raise SystemExit(1) from None


def end_with_parent() -> None:
    """Watch the parent process from a thread, and end this one with it, however that ends."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            wait([parent.sentinel])
            os._exit(1)  # nothing may run on: whoever resumes the search runs this trial again

    threading.Thread(target=watch, daemon=True).start()
