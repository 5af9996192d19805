"""The process behind `radloop.images.pool`: reads a question, answers it, waits for the next."""

from __future__ import annotations

import json
import os
import pickle
import resource
import signal
import sys
from multiprocessing.connection import Connection
from typing import Any

from numpy import asarray

from radloop.errors import RadloopError, Refusal
from radloop.images.pool import MEMORY, resolve


def main() -> None:
    """Serve questions from the socket whose descriptor is the first argument, until it closes; the second is shared memory's."""
    line, memory = Connection(int(sys.argv[1])), int(sys.argv[2]) if len(sys.argv) > 2 else None
    _limit()
    while True:
        try:
            function, seconds, arguments = pickle.loads(line.recv_bytes())  # noqa: S301 - from our own parent
        except (EOFError, OSError):
            return
        answered = _run(function, arguments, seconds)
        try:
            _send(line, memory, *answered)
        except OSError:
            return


def _limit() -> None:
    """Keep no core dump, and hold no more memory than allowed.

    A worker ends when its line closes, thus with its parent. The kernel's own signal for that would be
    sent at the end of the parent's thread that started the worker.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # ends the process, native code or not
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MEMORY, MEMORY))  # of the shared memory, which is a file to the kernel


def _run(function: str, arguments: tuple[Any, ...], seconds: float) -> tuple[dict[str, Any], list[Any]]:
    called = resolve(function)  # importing is not the file's time
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        document, arrays = called(*arguments)
    except MemoryError:
        error = Refusal("decode_memory", "the image needs too much memory to decode", "send one image at its own resolution")
        return {"error": ["Refusal", *error.as_dict().values()]}, []
    except RadloopError as error:
        kind = next(base.__name__ for base in type(error).__mro__ if base.__name__ in ("InputError", "Refusal", "ToolError"))
        return {"error": [kind, *error.as_dict().values()]}, []
    except Exception as error:  # noqa: BLE001 - our own mistake: named by its type, for its text may quote the file
        return {"error": ["ToolError", "decoder_failed", f"{function} failed: {type(error).__name__}", "report it"]}, []
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return {"document": document}, arrays


def _send(line: Connection, memory: int | None, document: dict[str, Any], arrays: list[Any]) -> None:
    whole = [asarray(array, order="C") for array in arrays]
    contents = [array.reshape(-1).view("u1").data if array.size else memoryview(b"") for array in whole]
    places = _placed(memory, contents)
    document["arrays"] = [[array.dtype.str, list(array.shape), place] for array, place in zip(whole, places, strict=True)]
    line.send_bytes(json.dumps(document).encode())
    for content, place in zip(contents, places, strict=True):
        if place is None:
            line.send_bytes(content)


def _placed(memory: int | None, contents: list[memoryview]) -> list[int | None]:
    """Write arrays into the memory, and return where each lies; None for those that go over the line."""
    if memory is None:
        return [None] * len(contents)
    places, end = list[int | None](), 0
    for content in contents:
        places.append(end)
        written = 0
        while written < len(content):
            written += os.pwrite(memory, content[written:], end + written)
        end += len(content)
    return places


if __name__ == "__main__":
    main()
