"""The folder in which Gradio puts what is dropped on the page, for as long as it takes to read it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

WORK_LIST = 20
"""How many files may be dropped at once."""
_PREFIX = "radloop-read-"
_KEEP = 60.0
"""Seconds; what lies longer was uploaded and never asked about."""


class Uploads:
    """A private folder that is emptied while it is used and removed at the end."""

    def __init__(self, limit: int) -> None:
        """Make the folder, and remove what services left that were killed.

        Args:
            limit: bytes that may lie in it at once.
        """
        for left in _left_behind():
            shutil.rmtree(left, ignore_errors=True)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")).resolve()
        self._limit = limit

    def has_room(self, now: float | None = None) -> bool:
        """Remove what nobody asked about, and tell whether more may come.

        Args:
            now: seconds since the epoch.
        """
        size, oldest = 0, (time.time() if now is None else now) - _KEEP
        for path in self._files():
            try:
                status = path.stat()
                if status.st_mtime < oldest:
                    self._remove(path)
                else:
                    size += status.st_size
            except FileNotFoundError:
                continue  # its callback took it meanwhile
        return size <= self._limit

    def take(self, path: str | Path) -> bytes:
        """Return a file's content and remove it.

        Raises:
            ValueError: it is none of this folder's.
            OSError: it is not there.
        """
        file = Path(path).resolve()
        if not file.is_relative_to(self.folder):
            raise ValueError("not a file that was dropped here")
        try:
            return file.read_bytes()
        finally:
            self._remove(file)

    def named(self, path: str) -> tuple[str, bytes]:
        """Return a file's name and content and remove it; no content where it is not there, or none of this folder's."""
        name = path.replace("\\", "/").rpartition("/")[2]
        try:
            return name, self.take(path)
        except (OSError, ValueError):
            return name, b""

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _files(self) -> Iterator[Path]:
        return (Path(folder, name) for folder, _, names in os.walk(self.folder) for name in names)

    def _remove(self, file: Path) -> None:
        """Remove a file, and the folder that Gradio made for it alone."""
        file.unlink(missing_ok=True)
        if file.parent != self.folder:
            with contextlib.suppress(OSError):
                file.parent.rmdir()


def _left_behind() -> Iterator[Path]:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        process = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if process.isdigit() and not Path("/proc", process).exists() and Path("/proc").is_dir():
            yield folder
