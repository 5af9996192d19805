"""Confirmed and corrected labels, by the request that was answered."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request

from radloop.inference.api_keys import ApiKey
from radloop.inference.feedback import answers_of, check_answer, labels_of, understood
from radloop.records.answers import AnswerRecord
from radloop.records.feedback import Given, Status, feedback_folder, given_to, now, payload, status_of
from radloop.serving.problems import TryLater
from radloop.serving.schemas import Feedback, FeedbackReceipt
from radloop.settings import Settings


class Desk:
    """Takes feedback in; one thread, so that of two alike the second is a duplicate."""

    def __init__(self, settings: Settings, bundles: Path) -> None:
        """Open nothing yet.

        Args:
            settings: of the installation.
            bundles: the folder of bundles, whose words are understood.
        """
        self._settings, self._bundles = settings, bundles
        self._record = AnswerRecord(feedback_folder(settings))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="radloop-feedback")

    async def take(self, feedback: Feedback, key: ApiKey | None) -> Status:
        """Check a label and write it down.

        Raises:
            RadloopError: it is not understood, about nothing, or not this key's to give.
            TryLater: `not_recorded`.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._take, feedback, key)

    def close(self) -> None:
        """Force what was written to the disk."""
        self._thread.shutdown()
        self._record.close()

    def _take(self, feedback: Feedback, key: ApiKey | None) -> Status:
        found = answers_of((feedback.request_id,), self._settings).get(feedback.request_id)
        answer = check_answer(found, key.allowed if key else None)
        words = understood(feedback.label, labels_of(answer, self._bundles, self._settings))
        name = key.name if key else None
        new = Given(now(), words, feedback.reader or name)
        before = given_to((feedback.request_id,), feedback_folder(self._settings)).get(feedback.request_id, [])
        status = status_of(new, before)
        if status != "duplicate":
            self._write(payload(new, answer, name, "api"))
        return status

    def _write(self, entry: Mapping[str, Any]) -> None:
        try:
            self._record.append(entry)
        except OSError:
            raise TryLater(
                "not_recorded", "the feedback could not be recorded", "see the service's log; is its disk full?", 5
            ) from None


def add_feedback(app: FastAPI, responses: Mapping[int | str, dict[str, Any]], dependencies: list[Any]) -> None:
    """Give an application the route; its `state.feedback` is the desk."""

    @app.post("/v1/feedback", responses=dict(responses), summary="Confirm or correct an answer", dependencies=dependencies)
    async def feedback(request: Request, body: Feedback) -> FeedbackReceipt:
        """Take the true label of an answered image, now or months later."""
        desk: Desk = request.app.state.feedback
        status = await desk.take(body, request.state.key)
        return FeedbackReceipt(request_id=body.request_id, status=status)
