"""Which networks are in memory: within a budget, those that were asked last."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from radloop.errors import IntegrityError, Refusal
from radloop.images.pool import Pool
from radloop.inference.predictor import Predictor
from radloop.inference.workers import Worker, live_workers
from radloop.serving.asked import Asked
from radloop.serving.champions import Champions
from radloop.serving.residents import Champion, Residents
from tests.bundles import make_bundle, make_images
from tests.image_files import make_raster
from tests.services import point

IMAGE = make_raster(make_images(1, seed=9, size=256)[0])
NAMES = ("covid-cxr", "phantom-cxr", "tb-cxr")
LARGE = 10**12


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of three served bundles; nobody may change them."""
    bundles = tmp_path_factory.mktemp("served") / "bundles"
    for seed, name in enumerate(NAMES):
        point(make_bundle(bundles, seed=seed, use_case=name))
    return bundles


@pytest.fixture(scope="module")
def decoders() -> Iterator[Pool]:
    with Pool(1) as pool:
        yield pool


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


def champions_of(bundles: Path) -> list[Champion]:
    return [Champion(point(next(path for path in (bundles / name).iterdir() if path.is_dir())), bundles) for name in NAMES]


def here(champions: list[Champion]) -> list[str]:
    return [champion.facts.use_case for champion in champions if champion.predictor is not None]


def test_one_that_nobody_asks_takes_no_memory_and_comes_back(bundles: Path) -> None:
    first, second, third = champions = champions_of(bundles)
    clock = Clock()
    residents = Residents(LARGE, idle=60, clock=clock)
    assert here(champions) == [] and not first.tested
    network = residents.ask(first)
    assert residents.ask(first) is network and first.tested
    clock.now = 50.0
    residents.ask(second)
    clock.now = 61.0
    residents.rest()
    assert here(champions) == ["phantom-cxr"] and first.tested  # it was tested, whether it is here or not
    again = residents.ask(first)
    assert again is not network and again.predict(IMAGE, request_id="x") == network.predict(IMAGE, request_id="x")
    assert not third.tested


def test_the_longest_unasked_makes_room(bundles: Path) -> None:
    first, second, third = champions = champions_of(bundles)
    clock = Clock()
    for champion in champions:
        champion.held = 40
        champion.load = lambda folder=champion.folder: Predictor(folder)  # type: ignore[method-assign] - what it takes is given
        champion.quicken = lambda _: None  # type: ignore[method-assign]
    residents = Residents(100, idle=60, clock=clock)
    for turn, champion in enumerate((first, second, first, third)):
        clock.now = float(turn)
        residents.ask(champion)
    assert here(champions) == ["covid-cxr", "tb-cxr"]  # 80 of 100; the second was asked before the first
    second.held = 101
    residents.ask(second)
    assert here(champions) == ["phantom-cxr"]  # too large for the budget: alone


def test_one_that_went_is_answered_by_and_not_kept(bundles: Path) -> None:
    first = champions_of(bundles)[0]
    residents = Residents(LARGE, idle=60)
    residents.leave(first)
    assert residents.ask(first).predict(IMAGE).use_case == "covid-cxr"
    assert first.predictor is None


def test_what_a_network_takes_is_at_least_thrice_its_weights(bundles: Path) -> None:
    first = champions_of(bundles)[0]
    weights = (first.bundle.content / "model.bin").stat().st_size
    assert first.held == 3 * weights
    first.load()
    assert first.held >= 3 * weights


def test_at_the_start_all_can_be_asked_and_none_is_acknowledged_before_its_self_test(
    bundles: Path, decoders: Pool, tmp_path: Path
) -> None:
    worker = Worker(tmp_path / "workers")
    champions = Champions(bundles, decoders, Residents(1, idle=60), worker)
    champions.start()
    assert champions.ready and worker.state.loaded == {}
    assert champions.answer(IMAGE, Asked("tb-cxr", None, False, None, "x")).use_case == "tb-cxr"
    assert set(worker.state.loaded) == {"tb-cxr"}  # the request's own
    champions.test()
    assert set(worker.state.loaded) == set(NAMES)
    assert here(list(champions.served.values())) == ["phantom-cxr"]  # a budget of one byte holds the last one
    worker.close()


def test_one_that_fails_its_self_test_at_the_start_is_refused(decoders: Pool, tmp_path: Path) -> None:
    bad = point(make_bundle(tmp_path / "bundles", seed=4, selftest_shift=0.1))
    worker = Worker(tmp_path / "workers")
    champions = Champions(tmp_path / "bundles", decoders, Residents(LARGE, idle=60), worker)
    champions.start()
    champions.test()
    assert not champions.ready and champions.refused["tb-cxr"].code == "selftest_failed"
    (state,) = live_workers(tmp_path / "workers")
    assert (state.loaded, state.refused["tb-cxr"].bundle) == ({}, bad.bundle)
    with pytest.raises(Refusal) as caught:
        champions.answer(IMAGE, Asked("tb-cxr", None, False, None, "x"))
    assert caught.value.code == "no_champion"
    worker.close()


def test_the_engine_for_single_requests_is_made_of_verified_bytes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_bundle(tmp_path / "bundles", seed=7)
    champion = Champion(point(folder), tmp_path / "bundles")
    network = champion.load()
    before = network.predict(IMAGE, request_id="x")
    weights = folder / "bundle" / "model.bin"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    with pytest.raises(IntegrityError, match="bundle"):
        network.quicken()
    monkeypatch.setattr(logging.getLogger("bentoml"), "propagate", True)
    with caplog.at_level(logging.ERROR):
        champion.quicken(network)
    assert "no engine for single requests" in caplog.text
    assert network.predict(IMAGE, request_id="x") == before


def test_one_that_was_changed_while_it_rested_does_not_come_back(decoders: Pool, tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "bundles", seed=6)
    point(folder)
    champions = Champions(tmp_path / "bundles", decoders, residents := Residents(LARGE, idle=0.0))
    champions.refresh()
    residents.rest()
    assert here(list(champions.served.values())) == []
    weights = folder / "bundle" / "model.bin"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    with pytest.raises(IntegrityError) as caught:
        champions.answer(IMAGE, Asked("tb-cxr", None, False, None, "x"))
    assert caught.value.code == "tampered_bundle"
    assert not champions.ready and "tb-cxr" not in champions.served
