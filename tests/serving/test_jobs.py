"""Jobs: one at a time, few of them, known to who sent them and forgotten."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from radloop.errors import InputError, Refusal
from radloop.serving.jobs import KEPT_SECONDS, WAITING, Job, Jobs
from radloop.serving.problems import TryLater


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def jobs(clock: list[float]) -> Iterator[Jobs[str]]:
    jobs: Jobs[str] = Jobs(lambda: clock[0])
    yield jobs
    jobs.close()


def ended(job: Job[str]) -> Job[str]:
    limit = time.monotonic() + 10
    while job.finished is None:
        assert time.monotonic() < limit
        time.sleep(0.01)
    return job


def test_a_job_gives_its_result_to_its_owner_for_an_hour(jobs: Jobs[str], clock: list[float]) -> None:
    job = ended(jobs.submit("a", lambda _: "done"))
    assert (job.status, jobs.result(job.id, "a")) == ("done", "done")
    for owner in ("b", None):
        with pytest.raises(InputError, match="no such job"):
            jobs.get(job.id, owner)
    clock[0] = KEPT_SECONDS
    assert jobs.result(job.id, "a") == "done"
    clock[0] += 0.1
    with pytest.raises(InputError, match="no such job"):
        jobs.get(job.id, "a")


def test_more_than_may_wait_are_sent_away(jobs: Jobs[str]) -> None:
    go = threading.Event()

    def work(job: Job[str]) -> str:
        go.wait(10)
        return job.id

    taken = [jobs.submit(None, work) for _ in range(1 + WAITING)]
    with pytest.raises(TryLater) as caught:
        jobs.submit(None, work)
    assert (caught.value.code, caught.value.seconds) == ("too_many_jobs", 10)
    with pytest.raises(Refusal) as early:
        jobs.result(taken[1].id, None)
    assert early.value.code == "job_not_done"
    jobs.cancel(taken[2].id, None)
    go.set()
    assert [ended(job).status for job in taken] == ["done", "done", "cancelled"]
    with pytest.raises(Refusal) as gone:
        jobs.result(taken[2].id, None)
    assert gone.value.code == "job_cancelled"


def test_a_job_that_runs_stops_at_its_next_step(jobs: Jobs[str]) -> None:
    def work(job: Job[str]) -> str:
        while True:
            job.step()
            time.sleep(0.001)

    job = jobs.submit(None, work)
    while job.done < 3:
        time.sleep(0.001)
    assert job.status == "running"
    jobs.cancel(job.id, None)
    assert ended(job).status == "cancelled"


def test_why_a_job_failed_is_its_result(jobs: Jobs[str]) -> None:
    def refused(_: Job[str]) -> str:
        raise Refusal("unreadable_video", "it is cut", "copy it again")

    def broken(_: Job[str]) -> str:
        raise RuntimeError("Jane Doe")

    for work, code in ((refused, "unreadable_video"), (broken, "internal_error")):
        job = ended(jobs.submit(None, work))
        with pytest.raises(Exception) as caught:
            jobs.result(job.id, None)
        assert (job.status, caught.value.code) == ("failed", code)  # type: ignore[attr-defined]
        assert "Doe" not in str(caught.value)
