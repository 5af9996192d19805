"""Shadows: what a challenger would have answered, asked when nobody else asks, written down and shown to nobody."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from radloop.errors import RadloopError
from radloop.images.decode import Decoded, decode_apart
from radloop.images.pool import Pool
from radloop.inference.answer import Answer
from radloop.inference.recorded import Observed
from radloop.serving.challengers import Challengers, Contender
from radloop.serving.recording import Recorder
from radloop.use_case import ImageSpec, Window

logger = logging.getLogger("bentoml.radloop")  # BentoML writes what is below its own logger

MOST = 64
"""Requests that wait for their shadow; a service that is never idle keeps the newest of them."""
MOST_BYTES = 64_000_000
_LOOK = 0.01
"""Seconds between two looks whether anybody asks."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A request that the champion has answered or refused.

    Attributes:
        request_id: under which it is recorded, and its shadow too.
        use_case: whose champion it was.
        content: of the file.
        decoded: the image as the champion saw it.
        image: what the champion's pixels mean; for another meaning the file is decoded anew.
        clinical: values as they were sent.
        file: keyed hash of the content.
        who: name and site of the API key.
        busy: tells whether a request is in flight.
    """

    request_id: str
    use_case: str
    content: bytes
    decoded: Decoded
    image: ImageSpec
    clinical: Mapping[str, Any] | None
    file: Future[str] | str | None
    who: tuple[str | None, str | None]
    busy: Callable[[], bool]


class Shadows:
    """The queue of requests that wait for their shadow, and the thread that asks."""

    def __init__(self, challengers: Challengers, decoders: Pool, recorder: Recorder) -> None:
        """Start nothing yet.

        Args:
            challengers: that may be shadows.
            decoders: processes that a bad file may kill.
            recorder: of the shadows' own record.
        """
        self._challengers = challengers
        self._decoders = decoders
        self._recorder = recorder
        self._waiting: deque[Shown] = deque()
        self._bytes = 0
        self._filled = threading.Condition()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def offer(self, shown: Shown) -> None:
        """Let a request be asked again later, where a shadow stands beside its champion; it never blocks."""
        if self._challengers.of(shown.use_case, "shadow") is None:
            return
        with self._filled:
            self._waiting.append(shown)
            self._bytes += len(shown.content)
            while len(self._waiting) > MOST or (self._bytes > MOST_BYTES and len(self._waiting) > 1):
                self._bytes -= len(self._waiting.popleft().content)
            if self._thread is None:
                self._thread = threading.Thread(target=self._ask_for_ever, name="radloop-shadow", daemon=True)
                self._thread.start()
            self._filled.notify()

    def close(self) -> None:
        """Ask no more; what waits is let go, its champion's answer is recorded already."""
        self._closed.set()
        with self._filled:
            self._filled.notify()
        if self._thread is not None:
            self._thread.join()
        self._recorder.close()

    def _ask_for_ever(self) -> None:
        while not self._closed.is_set():
            with self._filled:
                while not self._waiting and not self._closed.is_set():
                    self._filled.wait()
                busy = self._waiting[-1].busy if self._waiting else None
            if busy is None or (busy() and not self._closed.wait(_LOOK)):
                continue
            with self._filled:
                if self._closed.is_set() or not self._waiting:
                    continue
                shown = self._waiting.popleft()
                self._bytes -= len(shown.content)
            try:
                self._ask(shown)
            except Exception as error:  # noqa: BLE001 - a shadow must never take the thread, or anybody's answer, with it
                logger.error("request %s: its shadow failed (%s)", shown.request_id, type(error).__name__)

    def _ask(self, shown: Shown) -> None:
        shadow = self._challengers.of(shown.use_case, "shadow")
        network = self._challengers.network(shadow) if shadow is not None else None
        if shadow is None or network is None:
            return
        observed = Observed()
        outcome: Answer | RadloopError
        try:
            decoded = self._decoded(shown, shadow)
            outcome = network.predict(decoded, shown.clinical, request_id=shown.request_id, observed=observed)
        except RadloopError as error:
            outcome = error
        observed.asked(shadow.facts, shadow.model.model_copy(update={"version": shadow.pointer.version}), network.precision)
        self._recorder.write(shown.request_id, shown.file, shown.clinical, observed, outcome, shown.who)

    def _decoded(self, shown: Shown, shadow: Contender) -> Decoded:
        """Return the image in the shadow's domain.

        Raises:
            Refusal: it cannot be brought there.
        """
        if _meaning(shown.image) == _meaning(shadow.facts.image):
            return shown.decoded
        return decode_apart(shown.content, shadow.facts.image, self._decoders)


def _meaning(image: ImageSpec) -> tuple[str, Window | None]:
    return image.pixel_domain, image.window
