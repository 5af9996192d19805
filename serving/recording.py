"""The service's end of the record of answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from radloop.configuration import load_use_case
from radloop.errors import RadloopError
from radloop.images.pseudonym import patients_key, pseudonym
from radloop.inference.answer import Answer
from radloop.inference.bundle import BundleFacts
from radloop.inference.precision import Precision
from radloop.inference.recorded import About, Observed, Request, clinical_hash, engine_facts, file_hash, payload
from radloop.records.answers import AnswerRecord, answers_folder
from radloop.records.secret import secret
from radloop.settings import Settings
from radloop.use_case import Subgroups

logger = logging.getLogger("bentoml.radloop")  # BentoML writes what is below its own logger

_BESIDE = 256 * 1024
"""Bytes from which a file is hashed in a thread beside its decoding; below that the thread would cost more."""


class Recorder:
    """Writes down every answer and refusal before it leaves."""

    def __init__(self, settings: Settings, folder: Path | None = None) -> None:
        """Write nothing yet.

        Args:
            settings: of the installation.
            folder: of the record; that of the answers by default.
        """
        self._settings = settings
        self._record = AnswerRecord(folder or answers_folder(settings))
        self._hasher = ThreadPoolExecutor(1, thread_name_prefix="radloop-hash")
        self._key: bytes | None = None
        self._about: dict[tuple[str, str, Precision], About] = {}

    def hashed(self, content: bytes) -> Future[str] | str | None:
        """Return the keyed hash of a file, of a large one in time; None where there is no key to hash with."""
        key = self._installation_key()
        if key is None:
            return None
        return file_hash(key, content) if len(content) < _BESIDE else self._hasher.submit(file_hash, key, content)

    def write(
        self,
        request_id: str,
        file: Future[str] | str | None,
        clinical: Mapping[str, Any] | None,
        observed: Observed,
        outcome: Answer | RadloopError,
        key: tuple[str | None, str | None] = (None, None),
    ) -> int | None:
        """Hand one entry to the operating system.

        Args:
            request_id: ours.
            file: what `hashed` gave.
            clinical: the values as they were sent.
            observed: what became known on the way.
            outcome: the answer, or the refusal.
            key: name and site of the API key.

        Returns:
            its ticket; None where it could not be recorded.
        """
        secret_key = self._installation_key()
        if file is None or secret_key is None:
            return None
        try:
            digest = file if isinstance(file, str) else file.result()
            request = Request(request_id, digest, clinical_hash(secret_key, clinical), *key)
            about = self._about_bundle(observed.facts, observed.precision) if observed.facts and observed.precision else None
            return self._record.append(payload(request, observed, outcome, self._pseudonym(observed), about))
        except (OSError, ValueError, RadloopError) as error:
            logger.error("request %s: it could not be recorded (%s)", request_id, type(error).__name__)
            return None

    async def on_disk(self, ticket: int) -> bool:
        """Wait until an entry is on the disk, and tell whether it got there."""
        try:
            await asyncio.wrap_future(self._record.flushed(ticket))
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Force what was written to the disk."""
        self._hasher.shutdown()
        self._record.close()

    def _installation_key(self) -> bytes | None:
        if self._key is None:
            try:
                given = self._settings.record_key
                self._key = given.encode() if given else secret("record", self._settings)
            except OSError as error:
                logger.error("nothing is recorded: no key can be kept in the home (%s)", type(error).__name__)
        return self._key

    def _about_bundle(self, facts: BundleFacts, precision: Precision) -> About:
        """Return what is the same for every answer of a bundle, worked out once."""
        alike = (facts.use_case, facts.engine.kind, precision)
        known = self._about.get(alike)
        if known is None:
            try:
                subgroups = load_use_case(facts.use_case, self._settings).subgroups
            except RadloopError:  # a Bento serves it where its YAML is not
                subgroups = Subgroups()
            known = self._about[alike] = About(engine_facts(facts, precision), subgroups)
        return known

    def _pseudonym(self, observed: Observed) -> str | None:
        patient = observed.decoded.header.patient if observed.decoded else None
        if not patient:
            return None
        synthetic = observed.facts is not None and observed.facts.synthetic
        return pseudonym(patients_key(synthetic, self._settings), patient)
