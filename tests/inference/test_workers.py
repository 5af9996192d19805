"""Deployments and workers meet in files."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from radloop.errors import IntegrityError, ToolError
from radloop.inference.workers import Worker, live_workers, wait_for

NEW, OLD = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def test_nobody_runs(tmp_path: Path) -> None:
    assert live_workers(tmp_path / "absent") == []
    assert wait_for(tmp_path, "tb-cxr", NEW, timeout=0) == []


def test_states_are_published(tmp_path: Path) -> None:
    worker = Worker(tmp_path)
    worker.acknowledge("tb-cxr", OLD)
    worker.refuse("tb-cxr", NEW, IntegrityError("tampered_bundle", "bundle: model.bin is not what was sealed"))
    (state,) = live_workers(tmp_path)
    assert state.loaded == {"tb-cxr": OLD}
    assert (state.refused["tb-cxr"].bundle, state.refused["tb-cxr"].code) == (NEW, "tampered_bundle")
    worker.acknowledge("tb-cxr", NEW)
    (state,) = live_workers(tmp_path)
    assert (state.loaded, state.refused) == ({"tb-cxr": NEW}, {})
    worker.forget("tb-cxr")
    assert live_workers(tmp_path)[0].loaded == {}
    worker.close()
    assert live_workers(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_waits_for_every_worker(tmp_path: Path) -> None:
    workers = [Worker(tmp_path) for _ in range(3)]
    for worker in workers:
        worker.acknowledge("tb-cxr", OLD)

    def follow() -> None:
        for worker in workers:
            time.sleep(0.1)
            worker.acknowledge("tb-cxr", NEW)

    thread = threading.Thread(target=follow)
    thread.start()
    assert wait_for(tmp_path, "tb-cxr", NEW, timeout=10) == []
    assert [state.loaded["tb-cxr"] for state in live_workers(tmp_path)] == [NEW] * 3
    thread.join()
    for worker in workers:
        worker.close()


def test_refusals_are_returned_and_old_ones_do_not_count(tmp_path: Path) -> None:
    worker = Worker(tmp_path)
    worker.refuse("tb-cxr", NEW, IntegrityError("selftest_failed", "no"))
    (refusal,) = wait_for(tmp_path, "tb-cxr", NEW, timeout=1)
    assert refusal.code == "selftest_failed"
    with pytest.raises(ToolError):
        wait_for(tmp_path, "tb-cxr", OLD, timeout=0)
    worker.close()


def test_a_silent_worker_is_named(tmp_path: Path) -> None:
    worker = Worker(tmp_path)
    with pytest.raises(ToolError) as caught:
        wait_for(tmp_path, "tb-cxr", NEW, timeout=0.2)
    assert caught.value.code == "worker_silent"
    assert worker.state.id[:8] in caught.value.message and str(worker.state.pid) in caught.value.message
    worker.close()


def test_a_killed_worker_is_dead_and_its_files_are_removed(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from radloop.inference.workers import Worker; "
        f"worker = Worker(Path({str(tmp_path)!r})); print(1, flush=True); input()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdin is not None
    process.stdout.readline()
    assert [state.pid for state in live_workers(tmp_path)] == [process.pid]
    process.kill()
    process.wait()
    assert live_workers(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
    process.stdin.close()
    process.stdout.close()
