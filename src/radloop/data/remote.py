"""DVC's remote as files: the only place that names fsspec.

DVC's command pushes and pulls whole versions. Reading one object, and deleting one for a patient who
is erased, has no command; both go through the file system that DVC itself uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from radloop.errors import ToolError
from radloop.records.seal import write_atomic
from radloop.settings import Settings

T = TypeVar("T")

HINT = "check RADLOOP_DVC_REMOTE, the AWS_* variables of an s3 remote, and that it can be reached from here"


def remote_url(settings: Settings) -> str:
    """Return the URL of DVC's default remote; a folder as an absolute path."""
    if settings.dvc_remote is None:
        return str(settings.place / "dvc" / "remote")
    if "://" in settings.dvc_remote:
        return settings.dvc_remote
    return str((settings.root / ".dvc" / settings.dvc_remote).resolve())  # DVC reads it from its own folder


class Remote:
    """The objects of a remote by their name within it, such as `files/md5/9f/3c…`.

    Every method raises ToolError, code `remote_failed`, when the remote refuses or cannot be reached.
    """

    def __init__(self, settings: Settings) -> None:
        self._url = remote_url(settings)
        self._folder = None if "://" in self._url else Path(self._url)
        self._opened: tuple[Any, str] | None = None

    def read(self, name: str) -> bytes | None:
        """Return an object's bytes, None where there is none."""
        if self._folder is not None:
            path = self._folder / name
            return path.read_bytes() if path.is_file() else None
        return self._ask(lambda files, root: bytes(files.cat_file(f"{root}/{name}")))

    def write(self, name: str, content: bytes) -> None:
        """Write an object; a reader sees all of it or nothing."""
        if self._folder is not None:
            write_atomic(self._folder / name, content)
        else:
            self._ask(lambda files, root: files.pipe_file(f"{root}/{name}", content))

    def remove(self, names: Iterable[str]) -> int:
        """Delete objects and return how many there were."""
        if self._folder is not None:
            return _remove_files(self._folder, names)
        present = sorted(set(names) & self.names())
        if present:
            self._ask(lambda files, root: files.rm([f"{root}/{name}" for name in present]))
            if left := len(self.names().intersection(present)):
                raise ToolError("remote_failed", f"the remote still holds {left} objects that were deleted", HINT)
        return len(present)

    def names(self) -> set[str]:
        """Return the names of all objects."""
        if self._folder is not None:
            return {path.relative_to(self._folder).as_posix() for path in self._folder.glob("files/md5/??/*")}
        found = self._ask(lambda files, root: [name.removeprefix(f"{root}/") for name in files.find(f"{root}/files/md5")])
        return set(found or [])

    def _ask(self, question: Callable[[Any, str], T]) -> T | None:
        """Return the file system's answer, None where it finds nothing."""
        try:
            if self._opened is None:
                from fsspec.core import url_to_fs  # type: ignore[import-untyped]

                # A listing kept from before would hide what DVC's command wrote since.
                self._opened = url_to_fs(self._url, use_listings_cache=False, skip_instance_cache=True)
            files, root = self._opened
            return question(files, str(root).rstrip("/"))
        except FileNotFoundError:
            return None
        except Exception as error:
            # Each file system raises its own errors, and their texts may hold a path.
            scheme = self._url.partition("://")[0]
            raise ToolError("remote_failed", f"the {scheme} remote: {_reason(error)}", HINT) from error


def _reason(error: Exception) -> str:
    name = type(error).__name__
    if isinstance(error, PermissionError) or "Credentials" in name:
        return "access denied"
    if isinstance(error, OSError) or "Connect" in name or "Timeout" in name:
        return f"it cannot be reached ({name})"
    return f"it failed ({name})"


def _remove_files(folder: Path, names: Iterable[str]) -> int:
    removed = 0
    for name in names:
        try:
            (folder / name).unlink()
        except FileNotFoundError:
            continue
        removed += 1
    return removed
