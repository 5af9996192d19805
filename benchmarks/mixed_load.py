"""Minutes of mixed load: swaps, rollbacks, a killed worker, a tenth of bad input; no wrong answer, no failed good request, flat memory.

The real service (BentoML, its own processes) serves two bundles in turn under one use case. Clients ask it with images of their own
choice; nine in ten are good, one in ten is text, a truncated PNG, a blank image, another modality or a bomb. Meanwhile the pointer moves to
the second bundle and back every few seconds, and the worker process, which answers, is killed with SIGKILL now and then.

- Every good request is answered by one of the two bundles with the very probability that this bundle gives that image, or it was in
  flight on the worker that was killed: its connection broke, or it was sent before a worker answered again.
- Every bad request is refused with its code, and nothing is a 500.
- Memory (PSS of all processes) is told over the last two thirds: its slope, and the largest beside the smallest.

    OMP_NUM_THREADS=1 python -m benchmarks.mixed_load [--minutes 30] [--clients 4] [--kill-every 180] [--swap-every 5]

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
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from radloop.inference.predictor import Predictor
from radloop.inference.workers import live_workers, workers_folder
from radloop.settings import Settings
from tests.bundles import SIZE, make_bundle, make_images
from tests.image_files import make_raster
from tests.services import Service, bentoml_service, point

SERVICE = "radloop.serving.service:Radloop"
GOOD, SIDE = 12, 512
BAD_SHARE = 0.1
GRACE = 15.0
"""Seconds that a worker may take to come back after it was killed."""
MOST_GROWTH = 0.05
"""Of the memory, from the second third's median to the last third's."""


@dataclass
class Tally:
    """What the clients saw.

    Attributes:
        outcomes: by what was expected and what came.
        wrong: good requests that were answered wrongly or not at all while a worker stood, and bad ones that were not refused.
        kills: when the worker was killed, and when one answered again; monotonic seconds.
        broken: requests whose connection broke: when they began and ended, and what they were.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    kills: list[tuple[float, float]] = field(default_factory=list)
    broken: list[tuple[float, float, str]] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kind: str, what: str, problem: str | None) -> None:
        """Count an outcome, and keep what is wrong."""
        with self.guard:
            self.outcomes[f"{kind}: {what}"] += 1
            if problem is not None:
                self.wrong.append(problem)

    def meets_kill(self, begun: float, ended: float) -> bool:
        """Tell whether a span of time meets one in which the worker was gone."""
        return any(begun <= back and ended >= killed for killed, back in self.kills)


def bad_inputs() -> dict[str, tuple[bytes, set[int]]]:
    """Return files that do not belong, by what they are, and which statuses refuse them."""
    image = make_raster(make_images(1, seed=77, size=SIDE)[0])
    bomb = bytearray(make_raster(make_images(1, seed=78, size=SIZE)[0]))
    bomb[16:24] = (60000).to_bytes(4) * 2  # the header of a PNG says so many columns and rows
    blank = make_raster(make_images(1, seed=79, size=SIDE)[0] * 0)
    return {
        "text": (b"this is no image", {415}),
        "truncated": (image[: len(image) // 2], {415, 422}),
        "empty": (b"", {400, 415, 422}),
        "bomb": (bytes(bomb), {413, 415, 422}),
        "blank": (blank, {422}),
    }


def client(
    url: str, seed: int, good: Sequence[bytes], expected: dict[str, list[float]], stop: threading.Event, seen: Tally
) -> None:
    """Ask until told to stop."""
    draw, bad = random.Random(seed), bad_inputs()
    http = httpx.Client(base_url=url, timeout=30)
    while not stop.is_set():
        spoilt = draw.choice(list(bad)) if draw.random() < BAD_SHARE else None
        number = draw.randrange(len(good))
        content = bad[spoilt][0] if spoilt else good[number]
        begun = time.monotonic()
        try:
            response = http.post("/v1/predict", files={"image": content}, data={"use_case": "tb-cxr"})
        except httpx.HTTPError as error:
            http.close()
            http = httpx.Client(base_url=url, timeout=30)
            time.sleep(0.05)
            # Whether a kill explains it is known once the worker is back.
            seen.note("bad" if spoilt else "good", f"broke off ({type(error).__name__})", None)
            with seen.guard:
                seen.broken.append((begun, time.monotonic(), "bad" if spoilt else "good"))
            continue
        if spoilt:
            allowed = bad[spoilt][1]
            fine = response.status_code in allowed
            seen.note(
                spoilt, str(response.status_code), None if fine else f"{spoilt}: {response.status_code} {response.text[:80]}"
            )
        else:
            seen.note("good", str(response.status_code), judged(response, number, expected))
    http.close()


def judged(response: httpx.Response, number: int, expected: dict[str, list[float]]) -> str | None:
    """Return what is wrong with an answer to a good request, None where nothing is."""
    if response.status_code != 200:
        return f"good: {response.status_code} {response.text[:80]}"
    answer = response.json()
    bundle, said = answer["model"]["bundle"], answer["findings"][0]["probability"]
    if bundle not in expected or expected[bundle][number] != said:
        return f"good: {bundle[:19]} said {said} of image {number}"
    return None if answer["recorded"] else "good: not recorded"


def kill_worker(service: Service, seen: Tally) -> None:
    """Kill the process that answers, and wait until one answers again."""
    states = live_workers(workers_folder(service.home))
    with seen.guard:
        seen.kills.append((time.monotonic(), time.monotonic() + GRACE))
    for state in states:
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


def main() -> None:
    """Print a line a minute, then the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--kill-every", type=float, default=180.0, help="seconds")
    parser.add_argument("--swap-every", type=float, default=5.0, help="seconds")
    options = parser.parse_args()
    good = [make_raster(image) for image in make_images(GOOD, seed=9, size=SIDE)]
    seen, stop, samples = Tally(), threading.Event(), []
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(root=Path(name), home=Path(name) / ".radloop")
        folders = [make_bundle(settings.bundles, seed=seed, version=seed) for seed in (1, 2)]
        expected = {
            f"sha256:{one.name}": [Predictor(one).predict(image).findings[0].probability for image in good] for one in folders
        }
        point(folders[0], 1)
        with bentoml_service(SERVICE, settings.place, RADLOOP_MAX_IN_FLIGHT="32") as service:
            arguments = (good, expected, stop, seen)
            threads = [threading.Thread(target=client, args=(service.url, seed, *arguments)) for seed in range(options.clients)]
            for thread in threads:
                thread.start()
            swaps = run(service, folders, seen, samples, options)
            stop.set()
            for thread in threads:
                thread.join()
    unexplained = [one for one in seen.broken if not seen.meets_kill(one[0], one[1])]
    seen.wrong += [f"{kind}: broke off with no worker killed" for _, _, kind in unexplained]
    report(seen, samples, swaps, options)


def run(service: Service, folders: Sequence[Path], seen: Tally, samples: list[int], options: argparse.Namespace) -> int:
    """Swap and kill for the minutes that were asked for; return how many swaps there were."""
    begun, swaps, killed, told = time.monotonic(), 0, time.monotonic(), 0
    while (now := time.monotonic()) - begun < options.minutes * 60:
        version = 2 - swaps % 2
        point(folders[version - 1], version)
        swaps += 1
        if now - killed >= options.kill_every:
            killed = now
            kill_worker(service, seen)
        samples.append(memory(service))
        if (minute := int((now - begun) / 60)) > told:
            told = minute
            answered = sum(seen.outcomes.values())
            print(f"minute {minute}: {answered} requests, {len(seen.wrong)} wrong, {samples[-1] / 2**20:.0f} MiB", flush=True)
        time.sleep(options.swap_every)
    return swaps


def report(seen: Tally, samples: Sequence[int], swaps: int, options: argparse.Namespace) -> None:
    """Print what was seen, and end with 1 where something was wrong."""
    for problem, count in Counter(seen.wrong).most_common(10):
        print(f"wrong, {count} times: {problem}")
    grown = growth(samples)
    result = {
        "minutes": options.minutes,
        "requests": sum(seen.outcomes.values()),
        "outcomes": dict(sorted(seen.outcomes.items())),
        "swaps": swaps,
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
