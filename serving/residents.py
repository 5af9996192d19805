"""The networks that are in memory: loaded when they are asked, let go when they are not."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from radloop.errors import IntegrityError
from radloop.inference.admission import Admission
from radloop.inference.bundle import NETWORK_FILES
from radloop.inference.engines import load_runtime, provider_of
from radloop.inference.pointer import Pointer
from radloop.inference.predictor import Predictor
from radloop.inference.verification import verify, verify_bundle

logger = logging.getLogger("bentoml.radloop")  # BentoML writes what is below its own logger

_HELD = 3
"""How many times the bytes of its weights a network holds at the least: a DenseNet-121 with two streams takes 3.5 times."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Champion(Admission):
    """A bundle that is served: its facts always, its network while that is asked.

    Attributes:
        pointer: that named it.
        predictor: its network; None while it rests.
        tested: whether it passed its self-test here.
        held: bytes that its network takes, an estimate until it was loaded.
        asked: when it was last asked, by the clock of `Residents`.
        gone: whether another took its place, or nobody serves it any more.
    """

    def __init__(self, pointer: Pointer, bundles: Path, *, approved: bool = True) -> None:
        """Check every byte of a bundle, its evidence and its approval; nothing is compiled.

        Args:
            pointer: that names it.
            bundles: the folder of bundles.
            approved: ask for evidence and approval too; only what nobody is shown may do without.

        Raises:
            IntegrityError: as `verify`; `foreign_pointer`.
            ToolError: `incomplete_installation`: what runs it is not installed.
        """
        self.pointer = pointer
        self.folder = pointer.folder(bundles)
        verified = verify(self.folder) if approved else None
        super().__init__(verified.bundle if verified else verify_bundle(self.folder), verified)
        if verified and verified.version != pointer.version:
            raise IntegrityError(
                "foreign_pointer", f"pointer: {pointer.use_case} names version {pointer.version}, the approval another"
            )
        self.predictor: Predictor | None = None
        self.tested = False
        provider_of(self.facts.engine.kind)  # what could never answer here is refused before anybody asks
        weights = NETWORK_FILES[self.facts.engine.kind][-1]
        self.held = _HELD * (self.bundle.content / weights).stat().st_size
        self.asked = 0.0
        self.gone = False

    def load(self) -> Predictor:
        """Check, compile and self-test it, as if it had never been seen: what lies on a disk can change.

        Raises:
            RadloopError: as `Predictor`.
        """
        load_runtime(self.facts.engine.kind)  # its own memory is nobody's
        before = _resident()
        predictor = Predictor(self.folder) if self.verified else Predictor(self.folder, approved=False, streams=1)
        # It grows by less where it takes what another let go.
        self.held = max(self.held, _resident() - before)
        self.tested = True
        return predictor

    def quicken(self, predictor: Predictor) -> None:
        """Let a request that is alone have every core; what that takes counts too.

        What answers stays in memory as it was verified, whatever became of its files since. Nobody waits for what nobody
        is shown.
        """
        if self.verified is None:
            return
        before = _resident()
        try:
            predictor.quicken()
        except IntegrityError as error:
            logger.error("%s: no engine for single requests: %s", self.pointer.use_case, error.message)
            return
        self.held += max(0, _resident() - before)


class Residents:
    """Who is in memory: within a budget, those that were asked last."""

    def __init__(self, budget: int, idle: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with none.

        Args:
            budget: bytes of all networks together; the one that is being asked is loaded however large it is.
            idle: seconds after which one that nobody asked is let go.
            clock: seconds.
        """
        self._budget = budget
        self._idle = idle
        self._clock = clock
        self._here: list[Champion] = []
        # One load at a time: each sees what it takes by itself.
        self._loading = threading.Lock()

    def ask(self, champion: Champion) -> Predictor:
        """Return a champion's network, loaded if it is not there; blocks, and is safe from several threads.

        Raises:
            IntegrityError: it is not what was sealed any more, or fails its self-test.
        """
        champion.asked = self._clock()
        predictor = champion.predictor
        if predictor is not None:
            return predictor
        with self._loading:
            if champion.predictor is not None:
                return champion.predictor
            self._make_room(champion)
            start = time.perf_counter()
            predictor = champion.load()
            if champion.gone:  # one request was under way when it went: it is answered, and nothing is kept
                return predictor
            champion.predictor, champion.asked = predictor, self._clock()
            self._here.append(champion)
            # Whoever waits for the first answer need not wait for this.
            threading.Thread(target=champion.quicken, args=(predictor,), daemon=True).start()
            self._make_room(champion)  # now that it is known how much it takes
            name = champion.facts.use_case
            logger.info("%s is in memory: %.0f MB after %.2f s", name, champion.held / 1e6, time.perf_counter() - start)
            return predictor

    def leave(self, champion: Champion) -> None:
        """Let a champion go for good; who is being answered by it keeps its network until then."""
        with self._loading:
            champion.gone = True
            self._leave(champion)

    def rest(self) -> None:
        """Let those go that nobody has asked for a while."""
        now = self._clock()
        for champion in [one for one in self._here if now - one.asked > self._idle]:
            with self._loading:
                self._leave(champion)
            logger.info("%s rests: nobody asked for %.0f s", champion.facts.use_case, now - champion.asked)

    def _make_room(self, coming: Champion) -> None:
        others = sorted((one for one in self._here if one is not coming), key=lambda one: one.asked)
        while others and coming.held + sum(one.held for one in others) > self._budget:
            longest = others.pop(0)
            self._leave(longest)
            logger.info("%s rests: its memory is wanted", longest.facts.use_case)

    def _leave(self, champion: Champion) -> None:
        champion.predictor = None
        if champion in self._here:
            self._here.remove(champion)


def _resident() -> int:
    """Return the bytes of this process that are in memory; 0 where the system has no /proc."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0
