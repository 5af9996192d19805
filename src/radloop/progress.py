"""How far a long step is: told to whoever listens, a bar on a terminal or plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """A step's state: `done` of `total` units, and a note such as an epoch's metrics."""

    stage: str
    done: int
    total: int
    note: str = ""


Listener = Callable[[Step], None]

# One process shows one progress display; a flow's tasks run in other threads and contexts, so a plain global.
_listeners: list[Listener] = []


def report(stage: str, done: int, total: int, note: str = "") -> None:
    """Tell the listener, if there is one."""
    for listener in _listeners:
        listener(Step(stage, done, total, note))


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send reports to a listener while the block runs."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
