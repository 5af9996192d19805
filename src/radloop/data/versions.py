"""DVC: the bytes and the version of the data. DVC has no stable Python API, so its command is called."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from radloop.errors import InputError, IntegrityError, ToolError
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
        ToolError: DVC failed.
    """
    prepare(settings)
    _ensure_entry(use_case, settings)
    run(["add", "-q", f"data/{use_case}"], settings)
    run(["push", "-q", f"data/{use_case}"], settings)
    found = pinned(use_case, settings)
    if found is None:
        raise ToolError("dvc_failed", f"data.dvc has no version for data/{use_case}", "run `dvc status data.dvc`")
    return found


def pinned(use_case: str, settings: Settings) -> DataVersion | None:
    """Return the version that `data.dvc` pins for a use case, or None."""
    for entry in _read(settings).get("outs", []):
        if entry.get("path") == f"data/{use_case}" and entry.get("md5"):
            return DataVersion(version=str(entry["md5"]), entry=dict(entry))
    return None


def checked(use_case: str, settings: Settings) -> DataVersion:
    """Return the pinned version after DVC compared `data/UC` with it, fetching it when it is absent.

    Raises:
        InputError: nothing was ingested.
        IntegrityError: the folder differs from what `data.dvc` pins.
    """
    found = pinned(use_case, settings)
    if found is None:
        raise InputError("no_data", f"{use_case} has no data yet", f"run `radloop ingest {use_case} --source PATH`")
    prepare(settings)
    if not (settings.data / use_case).is_dir():
        run(["pull", "-q", f"data/{use_case}"], settings, hint=f"run `radloop ingest {use_case} --source PATH`")
    status = run(["status", "--json", f"data/{use_case}"], settings)
    if status.strip() not in ("", "{}"):
        raise IntegrityError(
            "data_changed",
            f"data/{use_case} differs from what data.dvc pins",
            f"restore it with `dvc checkout data/{use_case} --force`, or ingest again",
        )
    return found


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
    remote = settings.dvc_remote or str(settings.place / "dvc" / "remote")
    content = _OURS + _CONFIG.format(cache=settings.place / "dvc" / "cache", remote=remote)
    if not local.is_file() or local.read_text() != content:
        write_atomic(local, content.encode())


_OURS = "# written by radloop from RADLOOP_HOME and RADLOOP_DVC_REMOTE\n"


def run(arguments: list[str], settings: Settings, hint: str = "run the same `dvc` command by hand to see more") -> str:
    """Run one DVC command and return its standard output; a lock held by another command is waited for.

    Raises:
        ToolError: it failed; the message is its last line.
    """
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", *arguments]
    environment = os.environ | settings.environment()
    done = subprocess.run(command, cwd=settings.root, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        lines = [line for line in (done.stderr or done.stdout).strip().splitlines() if line.strip()]
        raise ToolError("dvc_failed", f"dvc {arguments[0]}: {lines[-1] if lines else 'failed'}", hint)
    return done.stdout


def _ensure_entry(use_case: str, settings: Settings) -> None:
    document = _read(settings)
    outs = document.setdefault("outs", [])
    if not any(entry.get("path") == f"data/{use_case}" for entry in outs):
        # DVC updates one entry of many only once it stands here; see `dvc add --help`.
        outs.append({"path": f"data/{use_case}"})
        write_atomic(settings.root / "data.dvc", yaml.safe_dump(document, sort_keys=False).encode())


def _read(settings: Settings) -> dict[str, Any]:
    path: Path = settings.root / "data.dvc"
    document = yaml.safe_load(path.read_text()) if path.is_file() else {}
    return dict(document or {})
