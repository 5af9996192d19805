"""The bundles that answer: they follow the pointers, and a swap loses no request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from radloop.errors import InputError, IntegrityError, RadloopError, Refusal, ToolError, nearest
from radloop.images.decode import Decoded, decode_apart
from radloop.images.pool import Pool
from radloop.images.view import View, view_apart
from radloop.inference.answer import Answer
from radloop.inference.pointer import Pointer, read_pointer
from radloop.inference.predictor import Predictor
from radloop.inference.proposal import propose, takers
from radloop.inference.workers import Worker
from radloop.serving.asked import Asked
from radloop.serving.challengers import Challengers
from radloop.serving.pointers import Signature, changes, signatures
from radloop.serving.residents import Champion, Residents
from radloop.use_case import ImageSpec

logger = logging.getLogger("bentoml.radloop")  # BentoML writes what is below its own logger

PERIOD = 0.25
"""Seconds between two looks at the pointers; a look is one `stat` a use case."""


class Champions:
    """Every served use case.

    The mapping is never changed, only replaced: a request keeps the champion that it began with,
    and an old network goes when its last request has been answered. A bundle is acknowledged once it was verified and passed
    its self-test here, whether its network stays in memory or not.
    """

    def __init__(
        self,
        bundles: Path,
        decoders: Pool,
        residents: Residents,
        worker: Worker | None = None,
        known: frozenset[str] = frozenset(),
        challengers: Challengers | None = None,
    ) -> None:
        """Load nothing yet.

        Args:
            bundles: the folder of bundles and pointers.
            decoders: processes that a bad file may kill.
            residents: whose networks are in memory.
            worker: where deployments look for acknowledgements; None where nobody can swap.
            known: use cases that exist, whether served or not.
            challengers: whose canaries take their share; None where there are none.
        """
        self._bundles = bundles
        self._decoders = decoders
        self._residents = residents
        self._worker = worker
        self._known = known
        self._challengers = challengers
        self._seen: dict[str, Signature] = {}
        self._served: Mapping[str, Champion] = {}
        self._refused: Mapping[str, RadloopError] = {}
        # Who replaces a mapping: the loader, and a request whose champion turns out to be bad.
        self._changing = threading.RLock()
        self._started = False

    @property
    def served(self) -> Mapping[str, Champion]:
        """Return the champions that answer, by use case; a network that rests is loaded when it is asked."""
        return self._served

    @property
    def refused(self) -> Mapping[str, RadloopError]:
        """Return why a pointer's bundle does not answer, by use case."""
        return self._refused

    @property
    def ready(self) -> bool:
        """Tell whether every pointer is answered for; while a swap loads, the bundle before still is.

        At the start that is once every bundle was verified: self-tests follow, the first request of a use case runs its own.
        """
        return self._started and not self._refused and all(name in self._served for name in self._seen)

    def changed(self) -> bool:
        """Tell whether a pointer was replaced, added or removed."""
        return signatures(self._bundles) != self._seen

    def start(self) -> None:
        """Verify what the pointers name, so that it can be asked; `test` runs the self-tests."""
        self.refresh(test=False)

    def test(self) -> None:
        """Run the self-tests that are due, and acknowledge who passed."""
        for champion in list(self._served.values()):
            if not champion.tested:
                with contextlib.suppress(RadloopError):  # refused and logged already
                    self.network(champion)

    def refresh(self, *, test: bool = True) -> None:
        """Take in what the pointers name and let go what they no longer name."""
        now = signatures(self._bundles)
        moved, gone = changes(self._seen, now)
        self._seen = now
        for name in gone:
            self._drop(name)
            with self._changing:
                self._refused = _without(self._refused, name)
            if self._worker is not None:
                self._worker.forget(name)
            logger.info("%s is no longer served", name)
        for name in moved:
            self._follow_one(name, test=test)
        self._started = True

    async def follow(self, period: float = PERIOD) -> None:
        """Look at the pointers for ever; loading happens in a thread of its own."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="radloop-load") as loader:
            await loop.run_in_executor(loader, self.test)
            while True:
                await asyncio.sleep(period)
                try:
                    if self.changed():
                        await loop.run_in_executor(loader, self.refresh)
                    self._residents.rest()
                except OSError as error:  # the folder went away for a while: what is loaded answers on
                    logger.error("the pointers cannot be looked at: %s", type(error).__name__)

    def answer(self, content: bytes, asked: Asked) -> Answer:
        """Answer for one image; blocks.

        Raises:
            InputError: `unknown_use_case`, or a clinical value or the target is unknown or invalid.
            Refusal: `use_case_not_allowed`, `no_champion`, `ambiguous_use_case`, or the image is refused.
            IntegrityError: the bundle turned out not to be what was sealed.
        """
        if asked.use_case is not None:
            chosen = self.named(asked)
            asked.observed.asked(chosen.facts, chosen.model, chosen.precision)
            chosen.check(asked.clinical, asked.target)
            chosen, network = self._turn(asked, chosen)  # first: a swap meanwhile leaves it the one that it began with
            asked.observed.asked(chosen.facts, chosen.model, chosen.precision)
            asked.observed.decoded = self.decode(content, chosen.facts.image)
            return asked.of(network, asked.observed.decoded)
        champions = allowed(self._served, asked.allowed)
        takers(champions, asked.clinical, asked.target)
        asked.observed.decoded = shown = self.decode(content)
        chosen, network = self._turn(asked, champions[propose(champions, shown, asked.clinical, asked.target)])
        image = chosen.facts.image
        return asked.of(network, self.decode(content, image) if image.window else shown)

    def _turn(self, asked: Asked, champion: Champion) -> tuple[Champion, Predictor]:
        """Return who answers a champion's request, the champion or its canary, with the network."""
        taken = self._challengers.turn(asked, champion) if self._challengers is not None else None
        return taken or (champion, self.network(champion))

    def named(self, asked: Asked) -> Champion:
        """Return the champion of the use case that a request names.

        Raises:
            InputError: `unknown_use_case`.
            Refusal: `use_case_not_allowed` or `no_champion`.
        """
        champions = allowed(self._served, asked.allowed)
        name = asked.use_case or ""
        if name in champions:
            return champions[name]
        if asked.allowed is not None and name not in asked.allowed:
            raise Refusal(
                "use_case_not_allowed", "this key may not ask that use case", f"it may ask {', '.join(sorted(asked.allowed))}"
            )
        if name in self._known or name in self._seen:
            raise Refusal(
                "no_champion", f"{name} has no champion that can answer", f"approve and deploy one: radloop deploy {name}"
            )
        known = self._known | set(champions)
        hint = nearest(name[:60], known) if known else "no use case is served yet"
        raise InputError("unknown_use_case", "there is no use case of that name", hint)

    def decode(self, content: bytes, image: ImageSpec | None = None) -> Decoded:
        """Decode one image in a process of its own; None is the display domain.

        Raises:
            Refusal: it cannot be read or brought to the domain.
        """
        return decode_apart(content, image, self._decoders)

    def view(self, content: bytes) -> View:
        """Read one image to be looked at, in a process of its own.

        Raises:
            Refusal: it cannot be read.
        """
        return view_apart(content, self._decoders)

    def network(self, champion: Champion) -> Predictor:
        """Return a champion's network, loaded if it rests; blocks.

        Raises:
            IntegrityError: it is not what was sealed any more, or fails its self-test; it is not served from then on.
        """
        tested = champion.tested
        try:
            predictor = self._residents.ask(champion)
        except IntegrityError as error:
            name = champion.facts.use_case
            if self._served.get(name) is champion:
                self._drop(name)
                if self._worker is not None:
                    self._worker.forget(name)
                self._refuse(name, champion.pointer, error)
            raise
        if not tested and self._served.get(champion.facts.use_case) is champion:
            self._acknowledge(champion)
        return predictor

    def _drop(self, name: str) -> None:
        with self._changing:
            champion = self._served.get(name)
            self._served = _without(self._served, name)
        if champion is not None:
            self._residents.leave(champion)

    def _follow_one(self, name: str, *, test: bool) -> None:
        """Load one pointer's bundle beside the one that answers, then swap; or refuse it and keep the one before."""
        pointer: Pointer | None = None
        try:
            pointer = read_pointer(self._bundles, name)
            if pointer is None:
                return  # removed since the look: the next one sees it
            self._swap(pointer, test=test)
        except RadloopError as error:
            self._refuse(name, pointer, error)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a new bundle, the one before goes on answering
            logger.error("loading failed:\n%s", "".join(traceback.format_tb(error.__traceback__)))
            self._refuse(name, pointer, ToolError("load_failed", f"the bundle could not be loaded ({type(error).__name__})"))

    def _swap(self, pointer: Pointer, *, test: bool) -> None:
        name, current = pointer.use_case, self._served.get(pointer.use_case)
        new = current
        if current is None or current.pointer != pointer:
            new = Champion(pointer, self._bundles)
            if test:
                self._residents.ask(new)
            with self._changing:
                self._served = {**self._served, name: new}
            if current is not None:
                self._residents.leave(current)
        with self._changing:
            self._refused = _without(self._refused, name)
        if new is not None and new.tested:
            self._acknowledge(new)

    def _acknowledge(self, champion: Champion) -> None:
        pointer = champion.pointer
        if self._worker is not None:
            self._worker.acknowledge(pointer.use_case, pointer.bundle)
        name, precision = pointer.use_case, champion.precision
        runtime = champion.provider or champion.facts.engine.kind
        logger.info(
            "%s version %d answers in %s by %s, bundle %s", name, pointer.version, precision, runtime, pointer.bundle[:19]
        )
        if precision != champion.facts.engine.precision:
            logger.warning("%s: this processor has no %s of its own", name, champion.facts.engine.precision)

    def _refuse(self, name: str, pointer: Pointer | None, error: RadloopError) -> None:
        with self._changing:
            self._refused = {**self._refused, name: error}
        if self._worker is not None:
            self._worker.refuse(name, pointer.bundle if pointer else "", error)
        logger.error("%s: a bundle was refused: %s: %s", name, error.code, error.message)


def allowed(champions: Mapping[str, Champion], names: frozenset[str] | None) -> Mapping[str, Champion]:
    """Return the champions that a key may ask; None is all."""
    return champions if names is None else {name: champion for name, champion in champions.items() if name in names}


def _without(members: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in members.items() if key != name}
