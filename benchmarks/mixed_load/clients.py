"""Clients that ask at random and judge every answer by what the two versions say."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from benchmarks.mixed_load.site import GOOD, UC, VALUES, Expected, Site, bad_inputs

BAD_SHARE = 0.1
KINDS = {"image": 0.6, "heat map": 0.15, "values": 0.15, "batch": 0.1}
"""What a good request asks for, and how often."""
BATCH = 3


@dataclass
class Tally:
    """What was seen.

    Attributes:
        outcomes: by what was asked and what came.
        wrong: good requests that were answered wrongly or not at all while a worker stood, bad ones that were not refused, and
            commands that failed.
        kills: when a worker was killed, and when one answered again; monotonic seconds.
        broken: requests whose connection broke: when they began and ended, and what they were.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    kills: list[tuple[float, float]] = field(default_factory=list)
    broken: list[tuple[float, float, str]] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def note(self, what: str, problem: str | None) -> None:
        """Count an outcome, and keep what is wrong."""
        with self.guard:
            self.outcomes[what] += 1
            if problem is not None:
                self.wrong.append(problem)

    def break_off(self, what: str, begun: float, error: Exception) -> None:
        """Count a connection that broke; whether a kill explains it is known once a worker is back."""
        with self.guard:
            self.outcomes[f"{what}: broke off ({type(error).__name__})"] += 1
            self.broken.append((begun, time.monotonic(), what))

    def unexplained(self) -> list[str]:
        """Return the connections that broke while no worker was gone."""
        return [
            f"{what}: broke off with no worker killed"
            for begun, ended, what in self.broken
            if not any(begun <= back and ended >= killed for killed, back in self.kills)
        ]


class Asker:
    """One client: draws what to ask, asks, and judges what comes."""

    def __init__(self, url: str, seed: int, site: Site, seen: Tally) -> None:
        self._url, self._site, self._seen = url, site, seen
        self._draw, self._bad = random.Random(seed), bad_inputs(site.good[0])
        self._http = httpx.Client(base_url=url, timeout=30)

    def run(self, stop: threading.Event) -> None:
        """Ask until told to stop."""
        while not stop.is_set():
            bad = self._draw.random() < BAD_SHARE
            what = self._draw.choice(list(self._bad)) if bad else self._draw.choices(list(KINDS), list(KINDS.values()))[0]
            begun = time.monotonic()
            try:
                status, problem = self._spoilt(what) if bad else self._good(what)
            except httpx.HTTPError as error:
                self._http.close()
                self._http = httpx.Client(base_url=self._url, timeout=30)
                self._seen.break_off(what, begun, error)
                time.sleep(0.05)
                continue
            self._seen.note(f"{what}: {status}", problem)
        self._http.close()

    def _spoilt(self, what: str) -> tuple[int, str | None]:
        content, allowed = self._bad[what]
        response = self._http.post("/v1/predict", files={"image": content}, data={"use_case": UC})
        fine = response.status_code in allowed
        return response.status_code, None if fine else f"{what}: {response.status_code} {response.text[:80]}"

    def _good(self, what: str) -> tuple[int, str | None]:
        numbers = [self._draw.randrange(GOOD) for _ in range(BATCH if what == "batch" else 1)]
        images = [self._site.good[number] for number in numbers]
        form = {"use_case": UC}
        if what == "batch":
            response = self._http.post("/v1/predict_batch", files=[("images", image) for image in images], data=form)
        else:
            form |= {"explain": "true"} if what == "heat map" else {}
            form |= {"clinical": json.dumps(VALUES)} if what == "values" else {}
            response = self._http.post("/v1/predict", files={"image": images[0]}, data=form)
        if response.status_code != 200:
            return response.status_code, f"{what}: {response.status_code} {response.text[:80]}"
        body = response.json()
        answers = [result["answer"] for result in body["results"]] if what == "batch" else [body]
        problems = [judged(what, answer, number, self._site.expected) for answer, number in zip(answers, numbers, strict=True)]
        return 200, next((problem for problem in problems if problem), None)


def judged(what: str, answer: Mapping[str, Any] | None, number: int, expected: Expected) -> str | None:
    """Return what is wrong with an answer to a good image, None where nothing is."""
    if answer is None:
        return f"{what}: one of the images was not answered"
    bundle, said = answer["model"]["bundle"], answer["findings"][0]["probability"]
    if bundle not in expected or expected[bundle]["values" if what == "values" else "plain"][number] != said:
        return f"{what}: {bundle[:19]} said {said} of image {number}"
    map_ = answer["explanation"] or {}
    if what == "heat map" and not (map_.get("png") or map_.get("withheld")):
        return "heat map: there is neither a map nor a reason"
    return None if answer["recorded"] else f"{what}: not recorded"
