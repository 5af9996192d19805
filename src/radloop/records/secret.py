"""The installation's own secrets: 32 random bytes each, made at their first use."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from radloop.settings import Settings


def secret(name: str, settings: Settings) -> bytes:
    """Return the secret of a name, making it where there is none.

    Raises:
        OSError: there is none, and none can be written.
    """
    path = settings.place / "keys" / f"{name}.key"
    with suppress(FileNotFoundError):
        return _read(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Whole before it gets its name: two processes that start at once take the same one, and none reads half of it.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{name}.")
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(secrets.token_hex(32))
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(temporary)
    finally:
        Path(temporary).unlink()
    return _read(path)


def _read(path: Path) -> bytes:
    return bytes.fromhex(path.read_text().strip())
