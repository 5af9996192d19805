"""What answers beside the champion: a shadow that nobody sees, a canary that answers its share; no request fails by either."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from radloop.inference.bundle import CONTENT, WEIGHTS
from radloop.inference.challenger import Challenger, Mode, remove_challenger, replace_challenger, seat
from radloop.inference.predictor import Predictor
from radloop.inference.workers import live_workers, wait_for, workers_folder
from radloop.records.answers import answers_folder, find, shadow_folder
from radloop.serving.app import create_app
from radloop.settings import Settings
from radloop.use_case import ImageSpec, Window
from tests.bundles import SIZE, make_bundle, make_images
from tests.image_files import make_raster
from tests.services import point, thread_service

IMAGES = [make_raster(image) for image in make_images(6, seed=9, size=256)]
NAME = "tb-cxr"


@dataclass(frozen=True)
class Site:
    """A service in a thread with a champion, and what may stand beside it."""

    http: httpx.Client
    settings: Settings
    champion: Path
    challenger: Path

    def begin(self, folder: Path, mode: Mode, share: float | None = None, version: int = 2) -> list[str]:
        """Let a bundle answer beside the champion; return the codes of the workers' refusals."""
        bundle = f"sha256:{folder.name}"
        made = {"use_case": NAME, "bundle": bundle, "version": version, "mode": mode, "share": share}
        replace_challenger(self.settings.bundles, Challenger.model_validate(made | {"since": "2026-11-22T09:00:00+00:00"}))
        return [one.code for one in wait_for(workers_folder(self.settings.place), seat(NAME, mode), bundle, timeout=20)]

    def ask(self, image: bytes = IMAGES[0], **form: str) -> httpx.Response:
        """Ask the champion."""
        return self.http.post("/v1/predict", files={"image": image}, data={"use_case": NAME, **form})

    def shadowed(self, request_id: str) -> dict[str, object]:
        """Return what the shadow said of a request."""
        folder = shadow_folder(self.settings)
        until(lambda: folder.is_dir() and find(request_id, folder) is not None)
        return find(request_id, folder) or {}


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("beside") / ".radloop"
    champion, challenger = (make_bundle(home / "bundles", seed=seed, version=seed) for seed in (1, 2))
    point(champion, 1)
    settings = Settings(root=home.parent, home=home)
    with thread_service(create_app(settings)) as url, httpx.Client(base_url=url, timeout=30) as http:
        yield Site(http, settings, champion, challenger)


@pytest.fixture
def site(running: Site) -> Iterator[Site]:
    yield running
    remove_challenger(running.settings.bundles, NAME)
    until(
        lambda: (
            not any(
                name.startswith(f"{NAME}/")
                for state in live_workers(workers_folder(running.settings.place))
                for name in state.loaded
            )
        )
    )


def test_a_shadow_is_asked_what_the_champion_answered_and_nobody_sees_it(site: Site) -> None:
    expected = Predictor(site.challenger).predict(IMAGES[0]).findings[0].probability
    plain = site.ask().json()
    assert site.begin(site.challenger, "shadow") == []
    response = site.ask()
    answer = response.json()
    assert answer["findings"] == plain["findings"] and answer["model"]["version"] == 1
    kept = site.shadowed(answer["request_id"])
    assert kept["findings"][0]["probability"] == expected != plain["findings"][0]["probability"]
    assert (kept["model"]["version"], kept["model"]["bundle"]) == (2, f"sha256:{site.challenger.name}")
    own = find(answer["request_id"], answers_folder(site.settings))
    assert own is not None and own["model"]["version"] == 1
    assert {name: kept[name] for name in ("file", "use_case", "quality", "time")} != own  # the same question, another answer
    assert (kept["file"], kept["quality"]) == (own["file"], own["quality"])
    assert find(plain["request_id"], shadow_folder(site.settings)) is None  # asked before it began


def test_a_shadow_needs_no_approval_and_a_canary_does(site: Site) -> None:
    waiting = make_bundle(site.settings.bundles, seed=3, version=3, approve=False)
    assert site.begin(waiting, "shadow", version=3) == []
    kept = site.shadowed(site.ask().json()["request_id"])
    assert kept["model"]["version"] == 3
    assert site.begin(waiting, "canary", 0.5, version=3) == ["missing_evidence"]
    # What stood there before still does, and it is no canary.
    assert {site.ask().json()["model"]["version"] for _ in range(8)} == {1}


def test_what_a_shadow_refuses_is_recorded_and_the_champions_refusals_are_asked_too(site: Site) -> None:
    strict = ImageSpec(modalities=("CR",), body_parts=("CHEST",), size=SIZE, min_side=300)
    picky = make_bundle(site.settings.bundles, seed=4, version=4, image=strict.model_dump())
    assert site.begin(picky, "shadow", version=4) == []
    kept = site.shadowed(site.ask().json()["request_id"])
    assert (kept["kind"], kept["admissibility"]["code"]) == ("refusal", "too_small")
    small = site.ask(make_raster(make_images(1, seed=1, size=32)[0]))
    assert small.status_code == 422
    assert site.shadowed(small.json()["request_id"])["kind"] == "refusal"
    assert site.ask(b"no image at all").status_code == 415  # nothing was decoded: there is nothing to ask about


def test_a_shadow_of_another_window_reads_the_file_anew(site: Site) -> None:
    spec = ImageSpec(modalities=("CR",), body_parts=("CHEST",), size=SIZE, window=Window(center=100, width=120))
    other = make_bundle(site.settings.bundles, seed=5, version=5, image=spec.model_dump())
    expected = Predictor(other).predict(IMAGES[1]).findings[0].probability
    assert site.begin(other, "shadow", version=5) == []
    kept = site.shadowed(site.ask(IMAGES[1]).json()["request_id"])
    assert kept["findings"][0]["probability"] == expected


def test_a_canary_answers_its_share_and_is_recorded_as_what_it_is(site: Site) -> None:
    expected = {
        version: [Predictor(folder).predict(image).findings[0].probability for image in IMAGES]
        for version, folder in ((1, site.champion), (2, site.challenger))
    }
    assert site.begin(site.challenger, "canary", 0.5) == []
    seen: Counter[int] = Counter()
    for turn in range(40):
        answer = site.ask(IMAGES[turn % 6]).json()
        version = answer["model"]["version"]
        assert answer["findings"][0]["probability"] == expected[version][turn % 6]
        kept = find(answer["request_id"], answers_folder(site.settings))
        assert kept is not None and kept["model"]["version"] == version
        seen[version] += 1
    # Of 40 draws of one half, fewer than 8 of either happen once in 20,000 runs.
    assert min(seen[1], seen[2]) >= 8
    proposed = [site.http.post("/v1/predict", files={"image": IMAGES[0]}).json()["model"]["version"] for _ in range(30)]
    assert set(proposed) == {1, 2}  # where the image decides which use case it is, too


def test_a_canary_that_is_not_what_was_sealed_any_more_fails_no_request(site: Site) -> None:
    folder = make_bundle(site.settings.bundles, seed=6, version=6)
    weights = folder / CONTENT / WEIGHTS
    before = weights.read_bytes()
    weights.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    assert site.begin(folder, "canary", 0.9, version=6) == ["tampered_bundle"]
    assert {site.ask().json()["model"]["version"] for _ in range(8)} == {1}
