"""DVC: the bytes and the version of the data. DVC has no stable Python API, so its command is called."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from radloop.data import history
from radloop.data.dvc_process import dvc
from radloop.data.remote import HINT, remote_url
from radloop.errors import InputError, IntegrityError, ToolError
from radloop.records import erasures
from radloop.records.seal import write_atomic
from radloop.settings import Settings

_CONFIG = """\
[core]
    remote = local
    analytics = false
    check_update = false
[cache]
    dir = {cache}
['remote "local"']
    url = {remote}
"""


@dataclass(frozen=True)
class DataVersion:
    """One entry of `data.dvc`.

    Attributes:
        version: the entry's md5, such as `9f3c….dir`: the data version.
        entry: the whole entry, kept in the evidence so that the bytes can be restored without git.
    """

    version: str
    entry: dict[str, Any]


def pin(use_case: str, settings: Settings) -> DataVersion:
    """Make `data.dvc` pin `data/UC` as it stands and push it; the other entries stay as they are.

    Raises:
        ToolError: DVC failed; what was pinned before still is.
    """
    prepare(settings)
    before = pinned(use_case, settings)
    try:
        _ensure_entry(use_case, settings)
        run(["add", f"data/{use_case}"], settings)
        run(["push", f"data/{use_case}"], settings, hint=_remote_hint(settings))
    except ToolError:
        _put_entry(use_case, before, settings)  # what is not in the remote must not stay pinned
        raise
    found = pinned(use_case, settings)
    if found is None:
        raise ToolError("dvc_failed", f"data.dvc has no version for data/{use_case}", "run `dvc status data.dvc`")
    history.remember(use_case, found.entry, settings)
    erasures.revive(found.version, settings)
    return found


def pinned(use_case: str, settings: Settings) -> DataVersion | None:
    """Return the version that `data.dvc` pins for a use case, or None."""
    for entry in _read(settings).get("outs", []):
        if entry.get("path") == f"data/{use_case}" and entry.get("md5"):
            return DataVersion(version=str(entry["md5"]), entry=dict(entry))
    return None


def pinned_use_cases(settings: Settings) -> list[str]:
    """Return the use cases that have an entry, in its order."""
    paths = [str(entry.get("path", "")) for entry in _read(settings).get("outs", [])]
    return [path.removeprefix("data/") for path in paths if path.startswith("data/")]


def checked(use_case: str, settings: Settings) -> DataVersion:
    """Return the pinned version after DVC compared `data/UC` with it, fetching it when it is absent.

    Raises:
        InputError: nothing was ingested.
        IntegrityError: the folder differs from what `data.dvc` pins.
    """
    found = pinned(use_case, settings)
    if found is None:
        raise InputError("no_data", f"{use_case} has no data yet", f"run `radloop ingest {use_case} --source PATH`")
    erasures.check_whole(found.version, settings)
    prepare(settings)
    if not (settings.data / use_case).is_dir():
        run(["pull", f"data/{use_case}"], settings, hint=f"run `radloop ingest {use_case} --source PATH`")
    if not unchanged(use_case, settings):
        raise IntegrityError(
            "data_changed",
            f"data/{use_case} differs from what data.dvc pins",
            f"restore it with `radloop data restore {use_case}@current --force`, or ingest again",
        )
    return found


def unchanged(use_case: str, settings: Settings) -> bool:
    """Tell whether DVC finds `data/UC` as `data.dvc` pins it."""
    prepare(settings)
    return run(["status", "--json", f"data/{use_case}"], settings).strip() in ("", "{}")


def check_out(version: DataVersion, folder: Path, settings: Settings) -> None:
    """Write the files of a version into a new folder; what the cache lacks is fetched from the remote.

    Args:
        folder: absent; its parent is where DVC works meanwhile, in a project of its own that shares the cache.

    Raises:
        ToolError: DVC failed.
    """
    project = folder.parent
    _write_project(project, settings)
    entry = {key: value for key, value in version.entry.items() if key != "path"} | {"path": folder.name}
    write_atomic(project / "out.dvc", yaml.safe_dump({"outs": [entry]}).encode())
    run(["pull", "out.dvc"], settings, hint=_remote_hint(settings), folder=project)


def set_entry(use_case: str, version: DataVersion, settings: Settings) -> None:
    """Make `data.dvc` pin a version that is already in cache or remote."""
    _put_entry(use_case, version, settings)


def _put_entry(use_case: str, version: DataVersion | None, settings: Settings) -> None:
    document = _read(settings)
    path = f"data/{use_case}"
    outs = list(document.get("outs", []))
    place = next((index for index, entry in enumerate(outs) if entry.get("path") == path), len(outs))
    entry = {"path": path} | {key: value for key, value in version.entry.items() if key != "path"} if version else None
    outs[place : place + 1] = [entry] if entry else []
    if outs:
        write_atomic(settings.root / "data.dvc", yaml.safe_dump({**document, "outs": outs}, sort_keys=False).encode())
    else:
        (settings.root / "data.dvc").unlink(missing_ok=True)


def prepare(settings: Settings) -> None:
    """Make the folder a DVC project, and point DVC at the places of the settings."""
    folder = settings.root / ".dvc"
    folder.mkdir(exist_ok=True)
    default = _CONFIG.format(cache="../.radloop/dvc/cache", remote="../.radloop/dvc/remote")
    if not (folder / "config").is_file():
        scm = "" if (settings.root / ".git").exists() else "    no_scm = true\n"
        write_atomic(folder / "config", default.replace("[core]\n", "[core]\n" + scm).encode())
        write_atomic(folder / ".gitignore", b"/config.local\n/tmp\n/cache\n")
    local = folder / "config.local"
    standard = settings.place == (settings.root / ".radloop").resolve() and settings.dvc_remote is None
    if standard:
        if local.is_file() and local.read_text().startswith(_OURS):
            local.unlink()
        return
    content = _OURS + _configuration(settings)
    if not local.is_file() or local.read_text() != content:
        write_atomic(local, content.encode())


def _configuration(settings: Settings) -> str:
    return _CONFIG.format(cache=settings.place / "dvc" / "cache", remote=remote_url(settings))


def _write_project(folder: Path, settings: Settings) -> None:
    config = _configuration(settings).replace("[core]\n", "[core]\n    no_scm = true\n")
    write_atomic(folder / ".dvc" / "config", config.encode())


_OURS = "# written by radloop from RADLOOP_HOME and RADLOOP_DVC_REMOTE\n"


_PATIENCE = 600.0
"""Seconds: what DVC waits for by itself is the lock of the whole project, not that of a path."""

_BUSY = "is busy, it is being blocked by"


_BY_HAND = "run the same `dvc` command by hand to see more"


def run(arguments: list[str], settings: Settings, hint: str = _BY_HAND, folder: Path | None = None) -> str:
    """Run one DVC command and return its standard output; a lock held by another command is waited for.

    Args:
        folder: of the DVC project; the root if None.

    Raises:
        ToolError: it failed; the message is its error in one line.
    """
    environment = os.environ | settings.environment()
    until = time.monotonic() + _PATIENCE
    while True:
        done = dvc.run(["--wait-for-lock", *arguments], folder or settings.root, environment)
        if done.returncode == 0 or _BUSY not in done.stderr or time.monotonic() > until:
            break
        time.sleep(0.5)
    if done.returncode != 0:
        raise ToolError("dvc_failed", f"dvc {arguments[0]}: {_reason(done.stderr or done.stdout, settings)}", hint)
    return done.stdout


def _reason(output: str, settings: Settings) -> str:
    """Return DVC's own error line, without the paths of this machine: what it prints after that is where to get help."""
    for place in (settings.place, settings.root):
        output = output.replace(f"{place}/", "")
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["failed"])[-1].removeprefix("unexpected error - ")


def _remote_hint(settings: Settings) -> str:
    return HINT if settings.dvc_remote else _BY_HAND


def _ensure_entry(use_case: str, settings: Settings) -> None:
    document = _read(settings)
    outs = document.setdefault("outs", [])
    if not any(entry.get("path") == f"data/{use_case}" for entry in outs):
        # DVC updates one entry of many only once it stands here; see `dvc add --help`.
        # Without the name of the hash it takes the entry for one of DVC 2 and hashes everything twice.
        outs.append({"path": f"data/{use_case}", "hash": "md5"})
        write_atomic(settings.root / "data.dvc", yaml.safe_dump(document, sort_keys=False).encode())


def _read(settings: Settings) -> dict[str, Any]:
    path: Path = settings.root / "data.dvc"
    document = yaml.safe_load(path.read_text()) if path.is_file() else {}
    return dict(document or {})
