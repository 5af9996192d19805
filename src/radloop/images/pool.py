"""Native image decoders in processes of their own: a bad file kills, stalls or fills no caller.

A worker that uses too much processor time, memory or dies is replaced, and its file is refused.
Processor time is limited by the kernel (`ITIMER_PROF` ends the process also inside a decoder), so that
a busy machine refuses nothing that a quiet one reads: the net below it, by the clock, is for a worker that
sleeps, not for one that waits for its turn. Answers come back as JSON and plain arrays,
never as pickles: a worker may have been taken over by the file it read. Arrays lie in memory that both processes have. The
caller reads it like a file and never maps it: a worker that cuts it short meanwhile spoils its own answer and crashes nobody.

A closed pool leaves its workers to the next one of this process: a worker takes a second to import what decodes, and a loop
needs pools for what it brings in, for what it shows and for what it trains on.
"""

from __future__ import annotations

import atexit
import importlib
import json
import math
import os
import pickle
import queue
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing import BufferTooShort
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radloop.errors import InputError, RadloopError, Refusal, ToolError

Reply = tuple[dict[str, Any], list[NDArray[Any]]]
"""What a function in a worker returns: a JSON object and arrays."""

CPU_SECONDS = 1.5
"""Processor time for any file."""
CPU_PER_MEGABYTE = 0.5
"""More processor time for each 10^6 bytes of the file: a small file that takes long is a bomb."""
MEMORY = 900_000_000
"""Bytes of private memory that a worker may hold."""
_WALL = 10
"""How many times its processor time a file may take by the clock: a net below the kernel's."""
_PATIENCE = 20
"""How many times that a worker may take which is not given the processor, its start and imports included."""
_MOST_KEPT = os.cpu_count() or 1
"""Workers that are kept for the next pool."""
_KEPT_MEMORY = 16_000_000
"""Bytes of shared memory that a worker keeps between two files."""
_LARGEST = 256_000_000
"""Bytes of the largest file: a worker holds it several times over."""
_HEAP = {"MALLOC_TRIM_THRESHOLD_": "33554432", "MALLOC_MMAP_THRESHOLD_": "33554432"}
"""A worker keeps 32 MiB that it freed for the next image: getting them back from the kernel took a third of its time."""
_PACKAGES = str(Path(__file__).resolve().parents[2])
_ERRORS: Mapping[str, type[RadloopError]] = {"InputError": InputError, "ToolError": ToolError}


class Pool:
    """A few processes that decode.

    Several threads may call at once; each call has a worker to itself.

    Example:
        >>> with Pool(2) as pool:                                            # doctest: +SKIP
        ...     facts, arrays = pool.call("radloop.images.decode:decoded_reply", content, size=len(content))
    """

    def __init__(self, workers: int = 1) -> None:
        self.workers = workers
        self._closed = False
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        path = _search_path()
        for _ in range(workers):
            self._idle.put(_kept.take(path) or _Worker(path))

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, function: str, *arguments: Any, size: int = 0) -> Reply:
        """Run `module:function` in a worker and return its reply.

        Args:
            function: importable, returns a `Reply`; it stays within images, data and below.
            arguments: picklable.
            size: bytes of the file, which earn more processor time.

        Raises:
            Refusal: the function's own, or `decode_timeout`, `decode_memory`, `decoder_crashed`.
            ToolError: `decoder_failed`: the function has an error of its own.
            RuntimeError: the pool is closed.
        """
        if size > _LARGEST:
            raise Refusal("image_too_large", f"the file has more than {_LARGEST // 10**6} MB", "send one image at a time")
        worker = self._idle.get()
        try:
            if self._closed:
                raise RuntimeError("the pool is closed")
            return worker.run(function, arguments, CPU_SECONDS + CPU_PER_MEGABYTE * size / 1e6)
        finally:
            self._idle.put(worker)

    def map(self, function: str, jobs: Iterable[tuple[tuple[Any, ...], int]]) -> Iterator[Reply | Refusal]:
        """Run a function over (arguments, size) pairs; replies come in the order of the jobs, a refusal as a value.

        At most a few jobs are under way: the jobs' generator is not read ahead of them.
        """
        with ThreadPoolExecutor(self.workers) as threads:
            waiting: deque[Future[Reply | Refusal]] = deque()
            for arguments, size in jobs:
                waiting.append(threads.submit(self._kept, function, arguments, size))
                if len(waiting) > 2 * self.workers + 2:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _kept(self, function: str, arguments: tuple[Any, ...], size: int) -> Reply | Refusal:
        try:
            return self.call(function, *arguments, size=size)
        except Refusal as refusal:
            return refusal

    def warm(self, function: str = "radloop.images.decode:ready_reply") -> None:
        """Start every idle worker and run a function in it: the first files need not wait for imports."""
        idle: list[_Worker] = []
        with suppress(queue.Empty):
            while True:
                idle.append(self._idle.get_nowait())
        try:
            if self._closed:
                return
            with ThreadPoolExecutor(max(len(idle), 1)) as threads:
                for done in [threads.submit(worker.run, function, (), CPU_SECONDS) for worker in idle]:
                    done.result()
        finally:
            for worker in idle:
                self._idle.put(worker)

    def close(self) -> None:
        """Take every worker away, each after the file that it has: nothing is written any more once this returns.

        The next pool begins with them. They end with this process, however it ends.
        """
        if self._closed:
            return
        self._closed = True
        for worker in [self._idle.get() for _ in range(self.workers)]:
            _kept.keep(worker)
            self._idle.put(_Worker(""))  # whoever waits for one learns that the pool is closed


class _Worker:
    """One child process, started at its first file and after every death."""

    def __init__(self, path: str) -> None:
        """Take the folders in which the process finds packages."""
        self.path = path
        self._process: subprocess.Popen[bytes] | None = None
        self._line: Connection | None = None
        self._memory: int | None = None

    def run(self, function: str, arguments: tuple[Any, ...], seconds: float) -> Reply:
        question = pickle.dumps((function, seconds, arguments), protocol=5)
        line = self._line if self.alive() else None
        try:
            line = line or self._start()
            line.send_bytes(question)
            if not self._answered(line, _WALL * seconds):
                raise self._death(timed_out=True)
            document = json.loads(line.recv_bytes(MEMORY))
            arrays = [_received(line, self._memory, description) for description in document["arrays"]]
            answer = _answer(document)
            if self._memory is not None and sum(array.nbytes for array in arrays) > _KEPT_MEMORY:
                os.ftruncate(self._memory, 0)
        except (EOFError, OSError, ValueError, TypeError, LookupError, BufferTooShort):
            raise self._death(timed_out=False) from None
        except BaseException:  # an interrupt between question and answer: the next file must not get this one's
            self.stop()
            raise
        if isinstance(answer, RadloopError):
            raise answer
        return answer, arrays

    def _answered(self, line: Connection, seconds: float) -> bool:
        """Wait for the answer, longer than the net where the machine is too busy to work on it."""
        for _ in range(_PATIENCE):
            if line.poll(seconds):
                return True
            if self._process is None or not runnable(self._process.pid):
                return False
        return False

    def alive(self) -> bool:
        """Tell whether the process still runs; one that died between two files is no fault of the second."""
        if self._process is not None and self._process.poll() is not None:
            self.stop()
        return self._process is not None

    def _start(self) -> Connection:
        ours, theirs = socket.socketpair()
        self._memory = os.memfd_create("radloop-pixels") if hasattr(os, "memfd_create") else None  # Linux only
        handles = [theirs.fileno(), *(() if self._memory is None else (self._memory,))]
        environment = os.environ | _HEAP | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": self.path}
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-P", "-m", "radloop.images.worker", *map(str, handles)],
                pass_fds=handles,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # decoders write what they find, and a name may be in it
                env=environment,
            )
        self._line = Connection(ours.detach())
        return self._line

    def _death(self, timed_out: bool) -> Refusal:
        """Reap a dead or stuck worker and return why its file is refused."""
        process, status = self._process, 0
        if process is not None and not timed_out:
            with suppress(subprocess.TimeoutExpired):  # still there: its answer made no sense
                status = process.wait(timeout=1)
        self.stop()
        if timed_out or status == -_SIGPROF:
            return Refusal("decode_timeout", "the image takes too long to decode for its size", _HINT)
        return Refusal("decoder_crashed", "the image made its decoder fail", _HINT)

    def disown(self) -> None:
        """Forget a process that is another's child."""
        if self._process is not None:
            self._process.returncode = 0  # or it would be missed when this object goes
        self._release()

    def stop(self) -> None:
        if self._line is not None:
            self._line.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._line = self._process = None
        self._release()

    def _release(self) -> None:
        if self._memory is not None:
            os.close(self._memory)
        self._memory = None


class _Kept:
    """Workers without a pool, a few of them, for the next pool that finds packages in the same folders."""

    def __init__(self) -> None:
        self._workers: list[_Worker] = []
        self._lock = threading.Lock()

    def take(self, path: str) -> _Worker | None:
        """Return the living worker that was kept last, or None."""
        with self._lock:
            for worker in [worker for worker in reversed(self._workers) if worker.path == path]:
                self._workers.remove(worker)
                if worker.alive():
                    return worker
        return None

    def keep(self, worker: _Worker) -> None:
        """Keep a worker, and end the one that was kept longest where there are more than anybody needs."""
        with self._lock:
            if worker.alive():
                self._workers.append(worker)
            while len(self._workers) > _MOST_KEPT:
                self._workers.pop(0).stop()

    def end(self) -> None:
        """End every worker."""
        with self._lock:
            while self._workers:
                self._workers.pop().stop()

    def forget(self) -> None:
        """Leave the workers to the parent that this process was forked from."""
        for worker in self._workers:
            worker.disown()
        self._workers, self._lock = [], threading.Lock()  # another thread may have held it at the fork


_kept = _Kept()
atexit.register(_kept.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_kept.forget)


def _search_path() -> str:
    """Return the folders in which a worker finds packages: a Bento brings ours beside what is installed."""
    return os.pathsep.join(filter(None, (_PACKAGES, os.environ.get("PYTHONPATH"))))


def runnable(pid: int) -> bool:
    """Tell whether a process waits for the processor or a disk rather than sleeps; False where the system has no /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] in ("R", "D")


_SIGPROF = 27
_HINT = "export the image again; if it is right, report it to the maker of the file"


def _answer(document: dict[str, Any]) -> dict[str, Any] | RadloopError:
    """Return the function's object, or the error that it raised."""
    if "error" not in document:
        return dict(document["document"])
    kind, code, message, hint = map(str, document["error"])
    return _ERRORS.get(kind, Refusal)(code, message, hint)


def _received(line: Connection, memory: int | None, description: list[Any]) -> NDArray[Any]:
    """Read one array from the memory where it has a place there, else from the line; what it says of itself may be a lie."""
    dtype, shape = np.dtype(str(description[0])), [int(length) for length in description[1]]
    if dtype.kind not in "buif" or min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > MEMORY:
        raise ValueError("no array of a decoder")
    array, place = np.empty(shape, dtype), description[2]
    into = array.reshape(-1).view(np.uint8).data
    size = line.recv_bytes_into(into) if memory is None or place is None else _read(memory, into, int(place))
    if size != array.nbytes:
        raise ValueError("an array of another size")
    return array


def _read(memory: int, into: memoryview, place: int) -> int:
    """Fill a buffer from a place of the memory on, and return how many bytes there were."""
    size = 0
    while size < len(into) and (more := os.preadv(memory, [into[size:]], place + size)):
        size += more
    return size


def resolve(function: str) -> Callable[..., Reply]:
    """Import `module:function`."""
    module, _, name = function.partition(":")
    found: Callable[..., Reply] = getattr(importlib.import_module(module), name)
    return found
