"""Workers that are killed, take too long, need too much or answer nonsense, and the caller that goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radloop.errors import InputError, Refusal, ToolError
from radloop.images.pool import Pool, Reply, runnable

HERE = "tests.images.test_pool"


def echo(value: Any) -> Reply:
    """Return what came, as an array too where it is one."""
    return ({}, [value]) if isinstance(value, np.ndarray) else ({"value": value}, [])


def where() -> Reply:
    """Return the worker's process."""
    return {"pid": os.getpid()}, []


def where_slowly() -> Reply:
    """Return the worker's process after a moment in which others are asked."""
    time.sleep(0.5)
    return where()


def spin() -> Reply:
    """Use the processor for ever."""
    while True:
        pass


def sleep(seconds: float) -> Reply:
    """Wait, which uses no processor."""
    time.sleep(seconds)
    return {}, []


def work(seconds: float) -> Reply:
    """Use the processor for a while."""
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        pass
    return {"value": "done"}, []


def fill() -> Reply:
    """Take more memory than allowed."""
    return {}, [np.ones(200_000_000)]


def write(file: str) -> Reply:
    """Take a moment, then write a file."""
    time.sleep(0.3)
    Path(file).touch()
    return {}, []


def die(number: int) -> Reply:
    """End as a crashed decoder does."""
    os.kill(os.getpid(), number)
    return {}, []


def refuse(kind: str) -> Reply:
    """Raise an error of ours, or another with a name in it."""
    if kind == "refusal":
        raise Refusal("some_code", "a message", "a hint")
    if kind == "input":
        raise InputError("other_code", "a message")
    raise KeyError("Doe^Jane")


def objects() -> Reply:
    """Answer with what is no plain array."""
    return {}, [np.array([{}], dtype=object)]


@pytest.fixture(scope="module", autouse=True)
def importable() -> Any:
    """Let workers import this file."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path.cwd()), before or ""])
    yield
    os.environ.pop("PYTHONPATH")
    if before is not None:
        os.environ["PYTHONPATH"] = before


def code(pool: Pool, name: str, *arguments: Any, **options: Any) -> str:
    with pytest.raises((Refusal, InputError, ToolError)) as caught:
        pool.call(f"{HERE}:{name}", *arguments, **options)
    assert "Doe" not in caught.value.message
    return caught.value.code


def test_values_and_arrays_come_back() -> None:
    with Pool(1) as pool:
        assert pool.call(f"{HERE}:echo", "text") == ({"value": "text"}, [])
        for array in (
            np.arange(6, dtype=">i2").reshape(2, 3)[:, ::-1],
            np.zeros((0, 4)),
            np.array(True),
            np.float32([[0.5, np.inf]]),
        ):
            _, (back,) = pool.call(f"{HERE}:echo", array)
            assert np.array_equal(back, array)
            assert (back.dtype, back.flags.writeable) == (array.dtype.newbyteorder("="), True)


def test_errors_keep_their_kind_and_code() -> None:
    with Pool(1) as pool:
        with pytest.raises(Refusal) as refused:
            pool.call(f"{HERE}:refuse", "refusal")
        assert (refused.value.code, refused.value.message, refused.value.hint) == ("some_code", "a message", "a hint")
        with pytest.raises(InputError):
            pool.call(f"{HERE}:refuse", "input")
        assert code(pool, "refuse", "other") == "decoder_failed"
        first = pool.call(f"{HERE}:where")
        assert code(pool, "refuse", "refusal") == "some_code"
        assert pool.call(f"{HERE}:where") == first  # an error is no death


def test_processor_time_is_limited_and_the_next_file_is_read() -> None:
    with Pool(1) as pool:
        pool.call(f"{HERE}:where")
        started = time.monotonic()
        assert code(pool, "spin") == "decode_timeout"
        assert time.monotonic() - started > 1.0
        assert pool.call(f"{HERE}:echo", 1)[0] == {"value": 1}


def test_waiting_is_not_processor_time() -> None:
    with Pool(1) as pool:
        assert pool.call(f"{HERE}:sleep", 1.8) == ({}, [])


def test_memory_is_limited() -> None:
    with Pool(1) as pool:
        assert code(pool, "fill") == "decode_memory"
        assert pool.call(f"{HERE}:echo", 1)[0] == {"value": 1}


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_death_is_a_refusal_and_the_worker_is_replaced(number: int) -> None:
    with Pool(1) as pool:
        before = pool.call(f"{HERE}:where")[0]["pid"]
        assert code(pool, "die", number) == "decoder_crashed"
        assert pool.call(f"{HERE}:where")[0]["pid"] != before


def test_a_worker_that_died_between_two_files_is_no_fault_of_the_second() -> None:
    with Pool(1) as pool:
        os.kill(pool.call(f"{HERE}:where")[0]["pid"], signal.SIGKILL)
        time.sleep(0.2)
        assert pool.call(f"{HERE}:echo", 1)[0] == {"value": 1}


def test_what_is_no_plain_array_is_not_read() -> None:
    with Pool(1) as pool:
        assert code(pool, "objects") == "decoder_crashed"
        assert pool.call(f"{HERE}:echo", 1)[0] == {"value": 1}


def test_a_huge_file_is_not_sent() -> None:
    with Pool(1) as pool:
        assert code(pool, "where", size=1 << 30) == "image_too_large"


def test_a_worker_outlives_the_thread_that_started_it() -> None:
    with Pool(1) as pool:
        found: list[int] = []
        thread = threading.Thread(target=lambda: found.append(pool.call(f"{HERE}:where")[0]["pid"]))
        thread.start()
        thread.join()
        time.sleep(0.2)
        assert [pool.call(f"{HERE}:where")[0]["pid"]] == found


def test_the_next_pool_begins_with_the_workers_of_the_last() -> None:
    with Pool(1) as pool:
        first = pool.call(f"{HERE}:where")
        with Pool(1) as other:
            assert other.call(f"{HERE}:where") != first  # each call has a worker to itself
    with Pool(1) as pool:
        assert pool.call(f"{HERE}:where") == first
        os.kill(first[0]["pid"], signal.SIGKILL)
        time.sleep(0.2)
    with Pool(1) as pool:  # one that died while nobody's is not brought back
        assert pool.call(f"{HERE}:where") != first


def test_no_more_workers_are_kept_than_there_are_cores() -> None:
    many = (os.cpu_count() or 1) + 2
    with Pool(many) as pool, ThreadPoolExecutor(many) as threads:
        pids = {reply[0]["pid"] for reply in threads.map(lambda _: pool.call(f"{HERE}:where_slowly"), range(many))}
    assert len(pids) == many
    assert sum(Path(f"/proc/{pid}").exists() for pid in pids) == many - 2


def test_another_search_path_gets_workers_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Pool(1) as pool:
        first = pool.call(f"{HERE}:where")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]]))
    with Pool(1) as pool:
        assert pool.call(f"{HERE}:where") != first


def test_kept_workers_end_with_their_process_and_are_no_childs() -> None:
    program = f"""
import os
from radloop.images.pool import Pool
with Pool(1) as pool:
    first = pool.call("{HERE}:where")[0]["pid"]
child = os.fork()
if child == 0:
    with Pool(1) as pool:
        os._exit(pool.call("{HERE}:where")[0]["pid"] == first)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
with Pool(1) as pool:
    assert pool.call("{HERE}:where")[0]["pid"] == first
print(first)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


def test_nothing_is_written_once_a_pool_is_closed(tmp_path: Path) -> None:
    files = [tmp_path / str(number) for number in range(8)]
    jobs = [((str(file),), 0) for file in files]
    with pytest.raises(KeyboardInterrupt), Pool(2) as pool:
        for _ in pool.map(f"{HERE}:write", jobs):  # others are under way, and more wait
            raise KeyboardInterrupt
    written = sorted(tmp_path.iterdir())
    assert 0 < len(written) < len(files)
    pool.warm(f"{HERE}:where")  # does nothing
    with pytest.raises(RuntimeError, match="closed"):
        pool.call(f"{HERE}:where")
    time.sleep(0.7)
    assert sorted(tmp_path.iterdir()) == written
    pool.close()


def test_threads_get_their_own_answers() -> None:
    with Pool(2) as pool, ThreadPoolExecutor(6) as threads:
        answers = threads.map(lambda n: pool.call(f"{HERE}:echo", np.full((50, 50), n))[1][0], range(60))
        assert [int(answer[0, 0]) for answer in answers] == list(range(60))


def test_map_keeps_the_order_and_goes_on_after_a_refusal() -> None:
    jobs = [((number,), 0) for number in range(20)]
    with Pool(2) as pool:
        replies = list(pool.map(f"{HERE}:echo", jobs))
        assert [reply[0]["value"] for reply in replies if not isinstance(reply, Refusal)] == list(range(20))
        mixed = list(pool.map(f"{HERE}:die", [((signal.SIGSEGV,), 0), ((0,), 0)]))
    assert isinstance(mixed[0], Refusal)
    assert mixed[1] == ({}, [])


def test_map_does_not_read_ahead() -> None:
    taken: list[int] = []

    def jobs() -> Any:
        for number in range(100):
            taken.append(number)
            yield (number,), 0

    with Pool(1) as pool:
        replies = pool.map(f"{HERE}:echo", jobs())
        next(replies)
        assert len(taken) < 10
        replies.close()


def test_a_worker_that_waits_for_its_turn_is_waited_for_and_one_that_sleeps_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radloop.images.pool._WALL", 0.2)  # of 1.5 seconds: 0.3 by the clock
    with Pool(1) as pool:
        assert pool.call(f"{HERE}:work", 0.8) == ({"value": "done"}, [])
        assert code(pool, "sleep", 5.0) == "decode_timeout"


def test_runnable_is_what_works_and_not_what_sleeps_or_is_gone() -> None:
    assert runnable(os.getpid())
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); import time; time.sleep(30)"], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.3)
        assert not runnable(child.pid)
        child.kill()
    assert not runnable(2**22 + 1)  # no process has a number this high
