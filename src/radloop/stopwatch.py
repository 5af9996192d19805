"""Seconds inside parts of a function."""

from __future__ import annotations

import time
from types import TracebackType


class Stopwatch:
    """Adds up the seconds inside its `with` blocks, which do not nest."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._started = 0.0

    def __enter__(self) -> None:
        self._started = time.monotonic()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.seconds += time.monotonic() - self._started
