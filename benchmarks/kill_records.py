"""Kill the service and the index's database in the middle of writes, again and again: nothing acknowledged is lost, nothing is torn.

The real service (BentoML, its own processes; a tiny network, so that most of the time goes into writing) answers four clients
at once and is killed with SIGKILL, all its processes, at a random moment. After each kill:

- every answer whose response said `recorded: true` is found in the record, its payload whole;
- the chains of all segments verify, and a refresh of the index that is itself killed at a random moment leaves what the next one
  completes; with `--postgres` the server of the index is killed in its stead every other time, all its processes, and started again;
- the index that grew from kill to kill has the rows of one that is built from nothing.

One service lives through all kills of a home, so segments, an interrupted index and a growing record meet as they do in use.

    OMP_NUM_THREADS=1 python -m benchmarks.kill_records [--kills 50] [--seed 1] [--postgres]

Ends with 1 where anything was lost, torn or different.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import sqlalchemy as sa

from radloop.monitoring.index import ANSWERS, FEEDBACK, SEGMENTS, Index, index_file
from radloop.records.answers import answers_folder, check_segments, every, segments
from radloop.settings import SILENCE, Settings
from tests.bundles import make_bundle, make_images
from tests.image_files import make_raster
from tests.postgres import Postgres
from tests.services import free_port, point

CLIENTS = 4
REFRESH = (
    "import sys; from radloop.monitoring.index import Index; from radloop.settings import Settings\n"
    "if __name__ == '__main__':\n"
    "    print('ready', flush=True)\n"
    "    with Index(Settings()) as index: index.refresh()\n"
    "    print('done', flush=True)\n"
)


def start(settings: Settings, port: int) -> subprocess.Popen[bytes]:
    """Start the service and wait for its first answer."""
    command = [
        sys.executable,
        "-m",
        "bentoml",
        "serve",
        "radloop.serving.service:Radloop",
        "--port",
        str(port),
        "--host",
        "127.0.0.1",
    ]
    environment = environment_of(settings) | SILENCE
    log = (settings.root / "service.log").open("ab")
    process = subprocess.Popen(command, env=environment, cwd=settings.root, stdout=log, stderr=log, start_new_session=True)
    limit = time.monotonic() + 120
    while time.monotonic() < limit:
        with suppress(httpx.TransportError, ValueError, KeyError):
            if httpx.get(f"http://127.0.0.1:{port}/v1/use_cases").json()["use_cases"]:
                return process
        time.sleep(0.1)
    kill_all(process)
    raise SystemExit(f"the service did not start: {(settings.root / 'service.log').read_text()[-2000:]}")


def kill_all(process: subprocess.Popen[bytes]) -> None:
    """Kill a service with its workers, which lead sessions of their own; the arbiter first, so that it starts no other."""
    found = psutil.Process(process.pid)
    family = [found, *found.children(recursive=True)]
    for one in family:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    process.wait()
    psutil.wait_procs(family)


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the environment of a process of this installation."""
    index = {"RADLOOP_INDEX_URL": settings.index_url} if settings.index_url else {}
    place = {"RADLOOP_ROOT": str(settings.root), "RADLOOP_HOME": str(settings.place)}
    return os.environ | place | index | {"RADLOOP_MAX_IN_FLIGHT": "16"}


def load(url: str, image: bytes, acknowledged: list[str]) -> None:
    """Ask until the service is gone, and keep the ids of what it called recorded."""
    with httpx.Client(base_url=url, timeout=30) as http:
        while True:
            try:
                response = http.post("/v1/predict", files={"image": image}, data={"use_case": "tb-cxr"})
                answer = response.json()
            except (httpx.HTTPError, ValueError):
                return
            if response.is_success and answer["recorded"]:
                acknowledged.append(answer["request_id"])


def kill_service(settings: Settings, port: int, image: bytes, after: float) -> list[str]:
    """Start the service, load it, kill it some seconds after its first answer, and return what it had acknowledged."""
    process = start(settings, port)
    acknowledged: list[str] = []
    clients = [threading.Thread(target=load, args=(f"http://127.0.0.1:{port}", image, acknowledged)) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    limit = time.monotonic() + 60
    while not acknowledged and time.monotonic() < limit:
        time.sleep(0.01)
    time.sleep(after)
    kill_all(process)
    for client in clients:
        client.join()
    return acknowledged


def kill_refresh(settings: Settings, script: Path, after: float, server: Postgres | None) -> bool:
    """Kill a refresh of the index, or the server that it writes to, after some seconds; tell whether it was still at work."""
    command = [sys.executable, str(script)]
    with subprocess.Popen(
        command,
        env=environment_of(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as run:
        said = run.stdout
        if said is None or said.readline() != "ready\n":
            raise SystemExit("the refresh did not start")
        time.sleep(after)
        if server is not None:
            server.kill()
        else:
            with suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)
        cut = "done" not in said.read()
    if server is not None:
        server.start()
    return cut


def forget(settings: Settings) -> None:
    """Let the index begin from nothing."""
    if settings.index_url:
        with Index(settings) as index:
            index.clear()
        return
    for path in index_file(settings).parent.glob("index.db*"):
        path.unlink()


def rows(settings: Settings, fresh: bool) -> list[list[str]]:
    """Return all rows of the index brought up to date, or of one built from nothing elsewhere."""
    if fresh:
        with tempfile.TemporaryDirectory() as place:
            url = f"sqlite:///{place}/fresh.db"
            return rows(settings.model_copy(update={"index_url": url}), fresh=False)
    with Index(settings) as index:
        index.refresh()
        kept = [column for column in SEGMENTS.columns if column.name not in ("inode", "changed")]
        return [sorted(map(repr, index.rows(table))) for table in (sa.select(*kept), sa.select(ANSWERS), sa.select(FEEDBACK))]


def check(settings: Settings, acknowledged: list[str]) -> list[str]:
    """Return what is wrong after a kill."""
    folder, wrong = answers_folder(settings), []
    check_segments(folder)  # raises where a line is torn in the middle, edited or missing
    found = every(acknowledged, folder)
    if lost := [name for name in acknowledged if len(found.get(name, ())) != 1]:
        wrong.append(f"{len(lost)} acknowledged answers are not in the record once: {lost[:3]}")
    grown = rows(settings, fresh=False)
    if grown != rows(settings, fresh=True):
        wrong.append("the index is not what it is when it is built from nothing")
    with Index(settings) as index:
        indexed = {row[0] for row in index.rows(sa.select(ANSWERS.c.request_id))}
    if missing := set(acknowledged) - indexed:
        wrong.append(f"{len(missing)} acknowledged answers are not in the index")
    return wrong


def torn(settings: Settings) -> int:
    """Return how many segments end in part of a line, which nobody was told of."""
    return sum(not path.read_bytes().endswith(b"\n") for path in segments(answers_folder(settings)))


def main() -> None:
    """Print one line a kill."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", action="store_true", help="keep the index in a PostgreSQL of its own, and kill that too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(root=Path(name), home=Path(name) / ".radloop")
        if not options.postgres:
            result = rehearse(settings, options, None)
        else:
            (place := Path(name) / "postgres").mkdir()
            server = Postgres(place)
            try:
                result = rehearse(settings.model_copy(update={"index_url": server.url}), options, server)
            finally:
                server.stop()
    print(json.dumps(result))
    sys.exit(1 if result["failures"] else 0)


def rehearse(settings: Settings, options: argparse.Namespace, server: Postgres | None) -> dict[str, Any]:
    """Kill as often as was asked for, and return what was found."""
    draw, image = random.Random(options.seed), make_raster(make_images(1, seed=9, size=256)[0])
    acknowledged: list[str] = []
    failures = at_work = servers = 0
    point(make_bundle(settings.bundles))
    (script := settings.root / "refresh.py").write_text(REFRESH)
    for kill in range(1, options.kills + 1):
        new = kill_service(settings, free_port(), image, draw.uniform(0.0, 1.5))
        acknowledged += new
        if kill % 10 == 0:  # the index from nothing, killed in the middle, with every segment to read
            forget(settings)
        victim = server if kill % 2 == 0 else None
        cut = kill_refresh(settings, script, draw.uniform(0.0, 0.1), victim)
        at_work += cut
        servers += victim is not None
        wrong = check(settings, acknowledged)
        failures += bool(wrong)
        print(
            f"kill {kill}: {len(new)} answers acknowledged, {len(acknowledged)} in all; "
            f"{'the server of the index' if victim else 'refresh'} {'killed at work' if cut else 'killed when it was done'}: "
            f"{'; '.join(wrong) or 'nothing lost, nothing torn'}",
            flush=True,
        )
    return {
        "kills": options.kills,
        "index": "PostgreSQL" if server else "SQLite",
        "servers_killed": servers,
        "acknowledged": len(acknowledged),
        "refreshes_killed_at_work": at_work,
        "unfinished_last_lines": torn(settings),
        "failures": failures,
    }


if __name__ == "__main__":
    main()
