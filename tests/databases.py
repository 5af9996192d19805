"""Empty databases of the tools, made once for all tests: their migrations take longer than most of what is tested."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

NAMES = ("mlflow/mlflow.db", "prefect/prefect.db")

_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("logged_models", "artifact_location"),
)
"""Columns of MLflow's database that hold absolute addresses."""

_MAKE = {
    "mlflow": "from radloop.training.tracking import Tracker; Tracker('phantom-cxr', settings).client.search_experiments()",
    "prefect": "import asyncio; from prefect.server.database import provide_database_interface as found; "
    "asyncio.run(found().create_db())",
}
_SETTINGS = """
import os, sys
from pathlib import Path
from radloop.settings import Settings
settings = Settings(root=Path(sys.argv[1]), home=Path(sys.argv[1]) / ".radloop")
os.environ.update(settings.environment())
"""


class Databases:
    """Empty databases in a folder that all workers share, made at their first use."""

    place: Path | None = None
    """Set by the session; None makes every installation begin without databases."""

    @classmethod
    def copy_to(cls, root: Path) -> None:
        """Give an installation its databases, as its first commands would have made them."""
        if cls.place is None:
            return
        with cls.place.with_suffix(".lock").open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            if not cls.place.exists():
                _make(cls.place)
        for name in NAMES:
            target = root / ".radloop" / name
            target.parent.mkdir(parents=True)
            shutil.copyfile(cls.place / ".radloop" / name, target)
        readdress(root / ".radloop" / NAMES[0], _staging(cls.place), root)


def readdress(database: Path, before: Path, after: Path) -> None:
    """Let a copy of MLflow's database name files below another folder."""
    with closing(sqlite3.connect(database)) as connection, connection:
        for table, column in _ADDRESSES:
            connection.execute(
                f"UPDATE {table} SET {column} = replace({column}, ?, ?)",  # noqa: S608 - names of ours
                (str(before), str(after)),
            )


def _staging(place: Path) -> Path:
    return place.with_suffix(".staging")


def _make(place: Path) -> None:
    staging = _staging(place)
    for tool in _MAKE:
        (staging / ".radloop" / tool).mkdir(parents=True, exist_ok=True)
    made = [
        subprocess.Popen([sys.executable, "-c", _SETTINGS + line, str(staging)], env=_environment(), stdout=subprocess.DEVNULL)
        for line in _MAKE.values()
    ]
    assert [process.wait() for process in made] == [0, 0]
    staging.replace(place)


def _environment() -> dict[str, str]:
    names = [name for name in os.environ if not name.startswith(("RADLOOP_", "PREFECT_", "MLFLOW_"))]
    return {name: os.environ[name] for name in names} | {"OMP_NUM_THREADS": "1"}
