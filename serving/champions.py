"""The bundles that answer: they follow the pointers, and a swap loses no request."""

from __future__ import annotations

import asyncio
import logging
import os
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from radloop.errors import InputError, IntegrityError, RadloopError, Refusal, ToolError, nearest
from radloop.images.decode import Decoded, decode_apart
from radloop.images.pool import Pool
from radloop.inference.answer import Answer
from radloop.inference.heat import RegionKind
from radloop.inference.pointer import Pointer, pointer_path, read_pointer, served_use_cases
from radloop.inference.predictor import Predictor
from radloop.inference.proposal import propose, takers
from radloop.inference.recorded import Observed
from radloop.inference.workers import Worker
from radloop.use_case import ImageSpec

logger = logging.getLogger("bentoml.radloop")  # BentoML writes what is below its own logger

PERIOD = 0.25
"""Seconds between two looks at the pointers; a look is one `stat` a use case."""

Signature = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says beside its image.

    Attributes:
        use_case: its name; None where the image decides.
        clinical: values by name, as they were sent.
        explain: whether a heat map is wanted.
        target: the finding that it explains; None is the most probable one.
        request_id: ours.
        allowed: the use cases that the key may ask; None is all.
        observed: is given what becomes known on the way.
        region: of the heat map that is wanted.
        alone: whether no other request is in flight.
    """

    use_case: str | None
    clinical: Mapping[str, Any] | None
    explain: bool
    target: str | None
    request_id: str
    allowed: frozenset[str] | None = None
    observed: Observed = field(default_factory=Observed)
    region: RegionKind | None = None
    alone: bool = False

    def of(self, predictor: Predictor, decoded: Decoded) -> Answer:
        """Return a predictor's answer."""
        return predictor.predict(
            decoded, self.clinical, self.explain, self.request_id, self.target, self.observed, self.region, self.alone
        )


class Champions:
    """Every served use case's predictor.

    The mapping is never changed, only replaced: a request keeps the predictor that it began with,
    and the old one goes when its last request has been answered.
    """

    def __init__(self, bundles: Path, decoders: Pool, worker: Worker | None = None, known: frozenset[str] = frozenset()) -> None:
        """Load nothing yet.

        Args:
            bundles: the folder of bundles and pointers.
            decoders: processes that a bad file may kill.
            worker: where deployments look for acknowledgements; None where nobody can swap.
            known: use cases that exist, whether served or not.
        """
        self._bundles = bundles
        self._decoders = decoders
        self._worker = worker
        self._known = known
        self._seen: dict[str, Signature] = {}
        self._loaded: Mapping[str, Predictor] = {}
        self._refused: Mapping[str, RadloopError] = {}
        self._started = False

    @property
    def loaded(self) -> Mapping[str, Predictor]:
        """Return the predictors that answer, by use case."""
        return self._loaded

    @property
    def refused(self) -> Mapping[str, RadloopError]:
        """Return why a pointer's bundle does not answer, by use case."""
        return self._refused

    @property
    def ready(self) -> bool:
        """Tell whether every pointer is answered for; while a swap loads, the bundle before still is."""
        return self._started and not self._refused and all(name in self._loaded for name in self._seen)

    def changed(self) -> bool:
        """Tell whether a pointer was replaced, added or removed."""
        return self._signatures() != self._seen

    def refresh(self) -> None:
        """Load what the pointers name and let go what they no longer name."""
        now = self._signatures()
        moved = [name for name, signature in now.items() if self._seen.get(name) != signature]
        gone = [name for name in self._seen if name not in now]
        self._seen = now
        for name in gone:
            self._loaded, self._refused = _without(self._loaded, name), _without(self._refused, name)
            if self._worker is not None:
                self._worker.forget(name)
            logger.info("%s is no longer served", name)
        for name in moved:
            self._follow_one(name)
        self._started = True

    async def follow(self, period: float = PERIOD) -> None:
        """Look at the pointers for ever; loading happens in a thread of its own."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="radloop-load") as loader:
            while True:
                await asyncio.sleep(period)
                try:
                    if self.changed():
                        await loop.run_in_executor(loader, self.refresh)
                except OSError as error:  # the folder went away for a while: what is loaded answers on
                    logger.error("the pointers cannot be looked at: %s", type(error).__name__)

    def answer(self, content: bytes, asked: Asked) -> Answer:
        """Answer for one image; blocks.

        Raises:
            InputError: `unknown_use_case`, or a clinical value or the target is unknown or invalid.
            Refusal: `use_case_not_allowed`, `no_champion`, `ambiguous_use_case`, or the image is refused.
        """
        predictors = allowed(self._loaded, asked.allowed)
        if asked.use_case is not None:
            chosen = self._named(predictors, asked)
            asked.observed.asked(chosen.facts, chosen.model, chosen.precision)
            chosen.check(asked.clinical, asked.target)
            asked.observed.decoded = self.decode(content, chosen.facts.image)
            return asked.of(chosen, asked.observed.decoded)
        takers(predictors, asked.clinical, asked.target)
        asked.observed.decoded = shown = self.decode(content)
        predictor = predictors[propose(predictors, shown, asked.clinical, asked.target)]
        image = predictor.facts.image
        return asked.of(predictor, self.decode(content, image) if image.window else shown)

    def decode(self, content: bytes, image: ImageSpec | None = None) -> Decoded:
        """Decode one image in a process of its own; None is the display domain.

        Raises:
            Refusal: it cannot be read or brought to the domain.
        """
        return decode_apart(content, image, self._decoders)

    def _named(self, predictors: Mapping[str, Predictor], asked: Asked) -> Predictor:
        name = asked.use_case or ""
        if name in predictors:
            return predictors[name]
        if asked.allowed is not None and name not in asked.allowed:
            raise Refusal(
                "use_case_not_allowed", "this key may not ask that use case", f"it may ask {', '.join(sorted(asked.allowed))}"
            )
        if name in self._known or name in self._seen:
            raise Refusal(
                "no_champion", f"{name} has no champion that can answer", f"approve and deploy one: radloop deploy {name}"
            )
        known = self._known | set(predictors)
        hint = nearest(name[:60], known) if known else "no use case is served yet"
        raise InputError("unknown_use_case", "there is no use case of that name", hint)

    def _follow_one(self, name: str) -> None:
        """Load one pointer's bundle beside the one that answers, then swap; or refuse it and keep the one before."""
        pointer: Pointer | None = None
        try:
            pointer = read_pointer(self._bundles, name)
            if pointer is None:
                return  # removed since the look: the next one sees it
            self._swap(pointer)
        except RadloopError as error:
            self._refuse(name, pointer, error)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a new bundle, the one before goes on answering
            logger.error("loading failed:\n%s", "".join(traceback.format_tb(error.__traceback__)))
            self._refuse(name, pointer, ToolError("load_failed", f"the bundle could not be loaded ({type(error).__name__})"))

    def _swap(self, pointer: Pointer) -> None:
        name, current = pointer.use_case, self._loaded.get(pointer.use_case)
        model = current.model if current else None
        if model is None or (model.bundle, model.version) != (pointer.bundle, pointer.version):
            new = Predictor(pointer.folder(self._bundles), lone=True)
            if new.model.version != pointer.version:
                raise IntegrityError(
                    "foreign_pointer", f"pointer: {name}/current names version {pointer.version}, the approval another"
                )
            self._loaded = {**self._loaded, name: new}
        self._refused = _without(self._refused, name)
        if self._worker is not None:
            self._worker.acknowledge(name, pointer.bundle)
        loaded = self._loaded[name]
        logger.info("%s version %d answers in %s, bundle %s", name, pointer.version, loaded.precision, pointer.bundle[:19])
        if loaded.precision != loaded.facts.engine.precision:
            logger.warning("%s: this processor has no %s of its own", name, loaded.facts.engine.precision)

    def _refuse(self, name: str, pointer: Pointer | None, error: RadloopError) -> None:
        self._refused = {**self._refused, name: error}
        if self._worker is not None:
            self._worker.refuse(name, pointer.bundle if pointer else "", error)
        logger.error("%s: a bundle was refused: %s: %s", name, error.code, error.message)

    def _signatures(self) -> dict[str, Signature]:
        found = {}
        for name in served_use_cases(self._bundles):
            try:
                status = os.stat(pointer_path(self._bundles, name))  # noqa: PTH116 - four times a second: no Path object
            except FileNotFoundError:
                continue
            found[name] = (status.st_ino, status.st_mtime_ns, status.st_size)
        return found


def allowed(predictors: Mapping[str, Predictor], names: frozenset[str] | None) -> Mapping[str, Predictor]:
    """Return the predictors that a key may ask; None is all."""
    return predictors if names is None else {name: predictor for name, predictor in predictors.items() if name in names}


def _without(members: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in members.items() if key != name}
