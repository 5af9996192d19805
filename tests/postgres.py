"""A PostgreSQL of its own for tests and benchmarks: started, killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import sqlalchemy as sa

from tests.services import free_port

_NOBODY = 65534


def programs() -> tuple[str | None, str | None]:
    """Return where `initdb` and `postgres` are, None where they are missing."""
    # Debian keeps the server's programs out of PATH.
    folders = [*sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True), os.environ["PATH"]]
    initdb, program = (shutil.which(name, path=os.pathsep.join(folders)) for name in ("initdb", "postgres"))
    return initdb, program


class Postgres:
    """A server on a port of its own, with the user `radloop` and no password.

    Attributes:
        url: its address, as `RADLOOP_INDEX_URL` takes it.
    """

    def __init__(self, folder: Path) -> None:
        """Make its files in an empty folder under /tmp and start it.

        Args:
            folder: becomes its account's: it refuses to run as root.
        """
        initdb, program = programs()
        self._account = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"] if os.getuid() == 0 else []
        if self._account:
            _open(folder)
        port, where = free_port(), ["-D", str(folder / "data")]
        made = [*self._account, str(initdb), *where, "-U", "radloop", "-A", "trust", "--no-sync"]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
        self._command = [*self._account, str(program), *where, "-p", str(port), "-h", "127.0.0.1", "-k", str(folder)]
        self.url = f"postgresql://radloop@127.0.0.1:{port}/postgres"
        self.start()

    def start(self) -> None:
        """Start it, and wait until it lets somebody in."""
        self._server = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        engine = sa.create_engine(self.url.replace("postgresql", "postgresql+psycopg", 1))
        for _ in range(300):
            try:
                engine.connect().close()
            except sa.exc.OperationalError:
                time.sleep(0.1)
            else:
                engine.dispose()
                return
        raise AssertionError("PostgreSQL did not start")

    def kill(self) -> None:
        """Kill all its processes with SIGKILL."""
        server = psutil.Process(self._server.pid)
        family = [server, *server.children(recursive=True)]
        for one in family:
            one.kill()
        self._server.wait()
        psutil.wait_procs(family)

    def stop(self) -> None:
        """Let it end as it wants to."""
        self._server.send_signal(signal.SIGINT)
        self._server.wait(20)


def _open(folder: Path) -> None:
    """Let nobody's account come down to a folder, and have that."""
    for place in (folder, *folder.parents):
        if place == Path("/tmp"):  # noqa: S108 - where such folders end
            break
        place.chmod(0o755)
    os.chown(folder, _NOBODY, _NOBODY)
