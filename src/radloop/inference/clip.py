"""What a model says of a clip: of each frame, and of all together as evaluation judges it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from radloop.errors import InadmissibleImage, Refusal
from radloop.images.clip import FASTEST, read_clip
from radloop.images.decode import Decoded
from radloop.images.header import Header
from radloop.inference import clinical as clinical_values
from radloop.inference.answer import Answer
from radloop.inference.calibration import decisions, uncertainty
from radloop.inference.familiarity import check_familiar
from radloop.inference.predictor import Predictor
from radloop.inference.reading import abstained, findings, prediction, severity
from radloop.inference.recorded import Observed
from radloop.inference.scoring import Scored
from radloop.use_case import ImageSpec


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Frame(_Part):
    """One frame of the timeline.

    Attributes:
        seconds: from the first frame of the clip.
        probabilities: of each label; null where the frame was refused.
        positive: likewise.
        refused: the code; null where it was answered.
    """

    seconds: float
    probabilities: tuple[float, ...] | None = None
    positive: tuple[bool | None, ...] | None = None
    refused: str | None = None


class Peak(_Part):
    """Where a label is most probable."""

    label: str
    seconds: float
    probability: float


class ClipAnswer(_Part):
    """The answer for a clip.

    Attributes:
        answer: its probabilities are the means of the answered frames', as the evidence judged clips.
        labels: of the timeline's numbers.
        timeline: one a frame that was taken.
        peaks: one a label.
        refused: how many frames were.
    """

    schema_version: Literal[1] = 1
    answer: Answer
    frames_per_second: float
    labels: tuple[str, ...]
    timeline: tuple[Frame, ...]
    peaks: tuple[Peak, ...]
    refused: int


def clip_spec(image: ImageSpec, frames_per_second: float | None) -> ImageSpec:
    """Return how a clip is read for a use case.

    Raises:
        Refusal: `video_not_admitted`: it takes still images only; `invalid_rate`.
    """
    if image.frames_per_second is None:
        raise Refusal("video_not_admitted", "this use case takes still images only", "send one frame as PNG or DICOM")
    rate = image.frames_per_second if frames_per_second is None else frames_per_second
    if not 0 < rate <= FASTEST:
        raise Refusal("invalid_rate", f"{rate:g} frames a second cannot be taken", f"ask for more than 0 and at most {FASTEST:g}")
    return image.model_copy(update={"frames_per_second": float(rate)})


@dataclass(frozen=True, slots=True)
class _Asked:
    """One frame, and what was said of it: its scores, or why it was refused."""

    decoded: Decoded
    header: Header
    said: Scored | InadmissibleImage
    warnings: tuple[str, ...] = ()


class ClipReader:
    """One clip on its way through a model.

    Example:
        >>> reader = ClipReader(predictor, spec)                   # doctest: +SKIP
        >>> for frame in reader.read(content): print(frame)        # doctest: +SKIP
        >>> reader.answer("request id").answer.findings            # doctest: +SKIP
    """

    def __init__(self, predictor: Predictor, spec: ImageSpec, clinical: Mapping[str, Any] | None = None) -> None:
        """Begin.

        Raises:
            InputError: a clinical value is unknown or invalid.
        """
        self._predictor = predictor
        self._spec = spec
        self._clinical = clinical
        self._values = predictor.check(clinical)
        self.observed = Observed(predictor.facts, predictor.model)
        self._timeline: list[Frame] = []
        self._sum: Scored | None = None
        self._warnings: tuple[str, ...] = ()
        self._count = 0

    def read(self, content: bytes) -> Iterator[Frame]:
        """Answer for frame after frame, as many at a time as the engine has streams; they come in their order.

        Raises:
            Refusal: the clip cannot be read; a frame that is inadmissible is refused by itself.
        """
        streams = self._predictor.engine.streams
        asked: deque[Future[_Asked]] = deque()
        with ThreadPoolExecutor(streams, thread_name_prefix="radloop-frame") as threads:
            for decoded in read_clip(content, self._spec):
                asked.append(threads.submit(self._ask, decoded))
                if len(asked) > streams:  # one more than are asked: no stream waits for the caller
                    yield self._taken(asked.popleft().result())
            while asked:
                yield self._taken(asked.popleft().result())

    def answer(self, request_id: str) -> ClipAnswer:
        """Return what all frames say together.

        Raises:
            InadmissibleImage: no frame was admitted; its code is the most frequent one.
        """
        facts, scored = self._predictor.facts, self._mean()
        held = prediction(scored, facts)
        answer = Answer(
            request_id=request_id,
            use_case=facts.use_case,
            model=self._predictor.model,
            findings=findings(scored, facts),
            prediction_set=held,
            abstained=abstained(held, facts),
            severity=severity(scored, facts),
            uncertainty=uncertainty(scored.probabilities.tolist(), facts.labels.kind),
            warnings=self._warnings,
        )
        answered = [frame for frame in self._timeline if frame.probabilities is not None]
        return ClipAnswer(
            answer=answer,
            frames_per_second=float(self._spec.frames_per_second or 0),
            labels=facts.outputs,
            timeline=tuple(self._timeline),
            peaks=tuple(_peak(label, k, answered) for k, label in enumerate(facts.outputs)),
            refused=len(self._timeline) - len(answered),
        )

    def _ask(self, decoded: Decoded) -> _Asked:
        """Ask about one frame; several threads do so at once."""
        predictor = self._predictor
        header, conflicts = clinical_values.complete(decoded.header, self._values)
        joined = clinical_values.joined(header, self._values)
        try:
            warnings = predictor.admit(decoded, self._clinical)
            scored = predictor.score(decoded, joined)
            if predictor.familiar is not None and predictor.facts.familiarity is not None:
                check_familiar(scored.embedding, predictor.familiar, predictor.facts.familiarity)
        except InadmissibleImage as refusal:
            return _Asked(decoded, header, refusal)
        return _Asked(decoded, header, scored, warnings + conflicts + clinical_values.missing(predictor.facts, joined))

    def _taken(self, asked: _Asked) -> Frame:
        """Add what was said of the next frame."""
        seconds = round(asked.decoded.seconds or 0.0, 3)
        if self.observed.decoded is None:
            self.observed.decoded, self.observed.header = asked.decoded, asked.header
        if isinstance(asked.said, InadmissibleImage):
            frame = Frame(seconds=seconds, refused=asked.said.code)
        else:
            if self._sum is None:
                self._warnings = asked.warnings
            self._add(asked.said)
            frame = Frame(seconds=seconds, probabilities=tuple(asked.said.probabilities.tolist()), positive=asked.said.decisions)
        self._timeline.append(frame)
        return frame

    def _add(self, scored: Scored) -> None:
        """Add a frame to the sums: nothing of the frames before is kept."""
        total, self._count = self._sum, self._count + 1
        if total is not None:
            scored = replace(
                scored,
                probabilities=scored.probabilities + total.probabilities,
                embedding=scored.embedding + total.embedding,
                grade=None if scored.grade is None or total.grade is None else scored.grade + total.grade,
            )
        self._sum = replace(scored, mask=None)

    def _mean(self) -> Scored:
        if self._sum is None:
            codes = Counter(frame.refused for frame in self._timeline)
            code = str(codes.most_common(1)[0][0]) if codes else "unreadable_video"
            raise InadmissibleImage(
                code, f"none of the clip's {len(self._timeline)} frames is admitted", "send one frame to see why"
            )
        facts, n = self._predictor.facts, self._count
        chances = self._sum.probabilities / n
        mean = replace(
            self._sum,
            probabilities=chances,
            embedding=np.asarray(self._sum.embedding / n, dtype=np.float32),
            grade=None if self._sum.grade is None else self._sum.grade / n,
            decisions=decisions(chances.tolist(), facts.labels.kind, self._sum.thresholds),
        )
        self.observed.scored = mean
        return mean


def _peak(label: str, k: int, frames: list[Frame]) -> Peak:
    top = max(frames, key=lambda frame: (frame.probabilities or ())[k])
    return Peak(label=label, seconds=top.seconds, probability=(top.probabilities or ())[k])
