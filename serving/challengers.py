"""The versions that answer beside the champions: they follow pointers of their own, and no request fails by them."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from radloop.errors import InputError, IntegrityError, RadloopError, ToolError
from radloop.inference.challenger import CHALLENGER, MODES, Challenger, Mode, read_challenger, seat
from radloop.inference.predictor import Predictor
from radloop.inference.workers import Worker
from radloop.serving.asked import Asked
from radloop.serving.pointers import Signature, changes, signatures
from radloop.serving.residents import Champion, Residents

logger = logging.getLogger("bentoml.radloop")  # BentoML writes what is below its own logger

PERIOD = 0.5
"""Seconds between two looks at the pointers."""


class Contender(Champion):
    """A challenger's bundle: its approval is asked for where anybody is shown what it answers."""

    def __init__(self, challenger: Challenger, bundles: Path) -> None:
        """Check its bytes; see `Champion`."""
        super().__init__(challenger, bundles, approved=challenger.mode == "canary")
        self.challenger = challenger


class Challengers:
    """Every version that answers beside a champion; the mapping is never changed, only replaced."""

    def __init__(self, bundles: Path, residents: Residents, worker: Worker | None = None) -> None:
        """Load nothing yet.

        Args:
            bundles: the folder of bundles and pointers.
            residents: whose networks are in memory.
            worker: where `radloop challenger` looks for acknowledgements; None where nobody can begin one.
        """
        self._bundles = bundles
        self._residents = residents
        self._worker = worker
        self._seen: dict[str, Signature] = {}
        self._loaded: Mapping[str, Contender] = {}

    def of(self, use_case: str, mode: Mode) -> Contender | None:
        """Return what answers beside a champion in a mode, None where nothing does."""
        found = self._loaded.get(use_case)
        return found if found is not None and found.challenger.mode == mode else None

    def turn(self, asked: Asked, champion: Champion) -> tuple[Champion, Predictor] | None:
        """Return the canary and its network where a request is its share; None is the champion's.

        What the canary cannot answer, by its clinical values, or because it is not what was sealed any more, the champion does.
        """
        canary = self.of(champion.facts.use_case, "canary")
        if canary is None or not canary.challenger.takes(asked.request_id):
            return None
        try:
            canary.check(asked.clinical, asked.target)
        except InputError:
            return None
        network = self.network(canary)
        return None if network is None else (canary, network)

    def network(self, contender: Contender) -> Predictor | None:
        """Return a challenger's network, loaded if it rests; None where it is not what was sealed any more. Blocks."""
        try:
            return self._residents.ask(contender)
        except IntegrityError as error:
            name = contender.facts.use_case
            if self._loaded.get(name) is contender:
                self._drop(name)
                self._refuse(name, contender.challenger, error)
            return None

    async def follow(self, period: float = PERIOD) -> None:
        """Look at the pointers for ever; loading happens in a thread of its own."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="radloop-challenger") as loader:
            while True:
                try:
                    if signatures(self._bundles, CHALLENGER) != self._seen:
                        await loop.run_in_executor(loader, self.refresh)
                except OSError as error:  # the folder went away for a while: what is loaded answers on
                    logger.error("the challengers' pointers cannot be looked at: %s", type(error).__name__)
                await asyncio.sleep(period)

    def refresh(self) -> None:
        """Take in what the pointers name and let go what they no longer name."""
        now = signatures(self._bundles, CHALLENGER)
        moved, gone = changes(self._seen, now)
        self._seen = now
        for name in gone:
            self._drop(name)
            self._forget(name)
            logger.info("%s: nothing answers beside the champion any more", name)
        for name in moved:
            self._follow_one(name)

    def _follow_one(self, name: str) -> None:
        challenger: Challenger | None = None
        try:
            challenger = read_challenger(self._bundles, name)
            if challenger is None:
                return  # removed since the look: the next one sees it
            new = Contender(challenger, self._bundles)
            self._residents.ask(new)
        except RadloopError as error:
            self._refuse(name, challenger, error)
            return
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a challenger, champions go on answering
            logger.error("loading failed:\n%s", "".join(traceback.format_tb(error.__traceback__)))
            failed = ToolError("load_failed", f"the bundle could not be loaded ({type(error).__name__})")
            self._refuse(name, challenger, failed)
            return
        before = self._loaded.get(name)
        self._loaded = {**self._loaded, name: new}
        if before is not None:
            self._residents.leave(before)
        self._forget(name)
        if self._worker is not None:
            self._worker.acknowledge(seat(name, challenger.mode), challenger.bundle)
        logger.info("%s: version %d answers beside the champion, %s", name, challenger.version, challenger.mode)

    def _drop(self, name: str) -> None:
        contender = self._loaded.get(name)
        self._loaded = {key: value for key, value in self._loaded.items() if key != name}
        if contender is not None:
            self._residents.leave(contender)

    def _forget(self, name: str) -> None:
        if self._worker is not None:
            for mode in MODES:
                self._worker.forget(seat(name, mode))

    def _refuse(self, name: str, challenger: Challenger | None, error: RadloopError) -> None:
        if self._worker is not None and challenger is not None:
            self._worker.refuse(seat(name, challenger.mode), challenger.bundle, error)
        logger.error("%s: a challenger was refused: %s: %s", name, error.code, error.message)
