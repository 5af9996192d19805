"""Minutes of mixed load: swaps, rollbacks, killed workers, a tenth of bad input; no wrong answer, no failed good request, flat memory.

A small phantom model is trained twice, approved and deployed, and the real service (BentoML, its own processes) serves it. Clients
send DICOM images: alone, with clinical values, for a heat map, several at once; one request in ten is a file that does not belong. Meanwhile
`radloop rollback` and `radloop deploy` take turns, and the worker process, which answers, is killed with SIGKILL at random moments.

- Every good request is answered by one of the two versions with the very probability that this version gives that image, or it was in
  flight on the worker that was killed: its connection broke, or it was sent before a worker answered again.
- Every bad request is refused with its code, nothing is a 500, and every command does what it was told.
- Memory (PSS of all processes) is told over the last two thirds: the medians of both.

    OMP_NUM_THREADS=1 python -m benchmarks.mixed_load [--minutes 30] [--clients 4] [--kill-every 120] [--swap-every 5]

Ends with 1 where anything was wrong. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import httpx
import psutil

from benchmarks.mixed_load.clients import Asker, Tally
from benchmarks.mixed_load.site import Site, make_site
from radloop.inference.workers import live_workers
from tests.services import Service, bentoml_service

SERVICE = "radloop.serving.service:Radloop"
GRACE = 15.0
"""Seconds that a worker may take to come back after it was killed."""
MOST_GROWTH = 0.05
"""Of the memory, from the second third's median to the last third's."""


def kill_workers(service: Service, seen: Tally, every: float, stop: threading.Event) -> None:
    """Kill the process that answers at random moments, and wait each time until one answers again."""
    draw = random.Random(7)
    while not stop.wait(draw.uniform(0.5, 1.5) * every):
        with seen.guard:
            seen.kills.append((time.monotonic(), time.monotonic() + GRACE))
        for state in live_workers(service.workers):
            with suppress(psutil.NoSuchProcess):
                psutil.Process(state.pid).kill()
        limit = time.monotonic() + 60
        while time.monotonic() < limit:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{service.url}/readyz", timeout=2).is_success:
                    break
            time.sleep(0.1)
        with seen.guard:
            seen.kills[-1] = (seen.kills[-1][0], time.monotonic() + 0.5)


def swap(site: Site, seen: Tally, pause: float, stop: threading.Event) -> None:
    """Roll back and deploy in turn."""
    turn = 0
    while not stop.wait(pause):
        command, problem = site.switch(turn)
        seen.note(command, problem)
        turn += 1


def memory(service: Service) -> int:
    """Return the PSS of the service's processes, bytes."""
    port = service.url.rpartition(":")[2]
    parents = [one for one in psutil.process_iter(["cmdline"]) if {SERVICE, port} <= set(one.info["cmdline"] or [])]
    total = 0
    for process in {one.pid: one for parent in parents for one in (parent, *parent.children(recursive=True))}.values():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            total += process.memory_full_info().pss
    return total


def growth(samples: Sequence[int]) -> float:
    """Return by which share the last third's median exceeds the second third's; 0 of too few samples."""
    third = len(samples) // 3
    if not third:
        return 0.0
    middle, last = statistics.median(samples[third : 2 * third]), statistics.median(samples[2 * third :])
    return last / middle - 1


def watch(service: Service, seen: Tally, minutes: float) -> list[int]:
    """Sample the memory for some minutes, with a line a minute."""
    begun, samples = time.monotonic(), list[int]()
    while (passed := time.monotonic() - begun) < minutes * 60:
        samples.append(memory(service))
        if len(samples) % 12 == 0:
            requests, mib = sum(seen.outcomes.values()), samples[-1] / 2**20
            print(f"minute {passed / 60:.0f}: {requests} requests, {len(seen.wrong)} wrong, {mib:.0f} MiB", flush=True)
        time.sleep(5.0)
    return samples


def main() -> None:
    """Print a line a minute, then the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--kill-every", type=float, default=120.0, help="seconds, on average")
    parser.add_argument("--swap-every", type=float, default=5.0, help="seconds between two commands")
    options = parser.parse_args()
    seen, stop = Tally(), threading.Event()
    with tempfile.TemporaryDirectory() as name:
        site = make_site(Path(name))
        place = site.installation.settings.place
        with bentoml_service(SERVICE, place, RADLOOP_MAX_IN_FLIGHT="32", RADLOOP_RATE_LIMIT="1000000") as service:
            askers = [Asker(service.url, seed, site, seen) for seed in range(options.clients)]
            threads = [threading.Thread(target=asker.run, args=(stop,)) for asker in askers]
            threads.append(threading.Thread(target=swap, args=(site, seen, options.swap_every, stop)))
            threads.append(threading.Thread(target=kill_workers, args=(service, seen, options.kill_every, stop)))
            for thread in threads:
                thread.start()
            samples = watch(service, seen, options.minutes)
            stop.set()
            for thread in threads:
                thread.join()
    seen.wrong += seen.unexplained()
    report(seen, samples, options)


def report(seen: Tally, samples: Sequence[int], options: argparse.Namespace) -> None:
    """Print what was seen, and end with 1 where something was wrong."""
    for problem, count in Counter(seen.wrong).most_common(10):
        print(f"wrong, {count} times: {problem}")
    grown = growth(samples)
    result = {
        "minutes": options.minutes,
        "requests": sum(seen.outcomes.values()) - seen.outcomes["rollback"] - seen.outcomes["deploy"],
        "outcomes": dict(sorted(seen.outcomes.items())),
        "rollbacks": seen.outcomes["rollback"],
        "deploys": seen.outcomes["deploy"],
        "kills": len(seen.kills),
        "broken_off_by_kills": len(seen.broken),
        "wrong": len(seen.wrong),
        "mib": {"median": statistics.median(samples) / 2**20, "largest": max(samples) / 2**20},
        "growth": grown,
    }
    print(json.dumps(result))
    sys.exit(1 if seen.wrong or grown > MOST_GROWTH else 0)


if __name__ == "__main__":
    main()
