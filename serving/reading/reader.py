"""What happens on the page: files are taken, asked about, looked at, judged and exported. It knows nothing of its layout."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from radloop.client import RefusedError, ServiceError
from radloop.serving.reading import fragments, timeline_drawing, words
from radloop.serving.reading.asking import Asking, is_video, problem_of
from radloop.serving.reading.desk import Case, Desk, Desks
from radloop.serving.reading.exports import KINDS, Export, press
from radloop.serving.reading.judgement import judge
from radloop.serving.reading.picture import marked, picture_of
from radloop.serving.reading.uploads import WORK_LIST, Uploads
from radloop.serving.reading.visit import Visit


@dataclass(frozen=True)
class Shown:
    """What the page shows of a desk.

    Attributes:
        cases: the work list as HTML.
        picture: of the viewer.
        result: as HTML.
        words: those with which the answer can be corrected.
        chosen: the answer in these words; None where it decides nothing.
        several: whether more than one word can be true.
        said: what became of the reader's judgement.
        exports: the kinds that can be had.
        synthetic: whether the answer is a synthetic model's.
        timeline: of a clip, as HTML.
        reading: whether a clip is being read, which can be cancelled.
        some: whether anything lies on the desk.
    """

    cases: str
    picture: dict[str, Any] | None
    result: str
    words: Sequence[str] = ()
    chosen: Sequence[str] | None = None
    several: bool = False
    said: str = ""
    exports: Sequence[str] = ()
    synthetic: bool = False
    timeline: str = ""
    reading: bool = False
    some: bool = False


Step = tuple[str, Shown | None]
"""A desk's word, and what the page shows of it; None where nothing changes: somebody else shows it by now."""


class Reader:
    """The page's work for all its visitors."""

    def __init__(self, uploads: Uploads, desks: Desks | None = None) -> None:
        """Begin with empty desks.

        Args:
            uploads: where dropped files lie.
            desks: shared with who else holds files, so that one limit counts for all.
        """
        self._uploads = uploads
        self._desks = desks or Desks()

    def served(self, visit: Visit) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """Return what is served, and the refusal instead."""
        try:
            with visit.asking() as asking:
                return {one["use_case"]: one for one in asking.use_cases()}, None
        except ServiceError as error:
            return {}, problem_of(error)

    def take(self, visit: Visit, files: Sequence[str], word: str | None) -> Iterator[Step]:
        """Ask about what was dropped, and yield what is shown as answers come; the files are removed from the disk first."""
        contents = [self._uploads.named(file) for file in files]
        self._desks.clear(word)
        word, desk = self._desks.open(None)
        desk.cases = [Case(name, content) for name, content in contents[:WORK_LIST]]
        yield from self._answered(visit, word, desk)

    def ask_all(self, visit: Visit, word: str | None) -> Iterator[Step]:
        """Ask about the whole work list once more, as after another use case was chosen; an empty one yields nothing."""
        word, desk = self._desks.open(word)
        for case in desk.cases:
            case.target = None
        yield from self._answered(visit, word, desk)

    def again(self, visit: Visit, word: str | None) -> Iterator[Step]:
        """Ask about the case that is looked at once more, with the form as it is now."""
        word, desk = self._desks.open(word)
        if (case := desk.case) is None or case.waits:  # it is asked about already
            yield word, self.shown(desk, visit)
            return
        case.forget()
        desk.chosen = True
        with visit.asking() as asking:
            yield from self._followed(asking, case, visit, word, desk)

    def cancel(self, visit: Visit, word: str | None) -> tuple[str, Shown]:
        """Cancel the clips that are being read; who waits for them learns it at the next look."""
        word, desk = self._desks.open(word)
        with visit.asking() as asking:
            for case in desk.cases:
                if case.waits and case.job:
                    with contextlib.suppress(ServiceError):  # it has ended meanwhile
                        asking.cancel(str(case.job["job"]))
        return word, self.shown(desk, visit)

    def explain(self, visit: Visit, word: str | None, target: str) -> tuple[str, Shown]:
        """Ask for another finding's heat map."""
        word, desk = self._desks.open(word)
        if (case := desk.case) is not None and not is_video(case.content):
            case.target = target
            with visit.asking() as asking:
                self._ask(asking, case, visit)
        return word, self.shown(desk, visit)

    def select(self, visit: Visit, word: str | None, index: int) -> tuple[str, Shown]:
        """Look at another case of the work list."""
        word, desk = self._desks.open(word)
        if 0 <= index < len(desk.cases):
            desk.shown, desk.chosen = index, True
        return word, self.shown(desk, visit)

    def clear(self, visit: Visit, word: str | None) -> tuple[str, Shown]:
        """Forget the work list."""
        self._desks.clear(word)
        word, desk = self._desks.open(None)
        return word, self.shown(desk, visit)

    def judge(self, visit: Visit, word: str | None, labels: Sequence[str] | None, name: str) -> tuple[str, Shown]:
        """Send the reader's judgement of the answer; None agrees with it.

        Args:
            visit: whose page it is.
            word: of the desk.
            labels: what the image shows; None agrees with the answer.
            name: of the reader, may be empty.
        """
        word, desk = self._desks.open(word)
        case = desk.case
        if case is not None and case.answer is not None:
            facts = visit.served.get(case.answer["use_case"])
            said = words.judged(case.answer, facts) if labels is None else list(labels)
            several = words.several(facts)
            if said is None or (not said and not several):
                case.said = "Choose what the image shows; the answer decides nothing that could be agreed with."
            else:
                case.said = judge(visit, case.answer["request_id"], said, name, several).text
        return word, self.shown(desk, visit)

    def export(self, visit: Visit, word: str | None, kind: str) -> dict[str, Any] | None:
        """Return a file for the browser to save: `name`, `type` and `content` in base64; or `problem`, a sentence."""
        _, desk = self._desks.open(word)
        case = desk.case
        if case is None or case.answer is None or kind not in KINDS:
            return {"problem": "There is no answer to export; drop the file again."}
        facts = dict(visit.served.get(case.answer["use_case"]) or {})
        try:
            made = press(Export(kind, case.answer, facts, case.picture, case.content, case.clip))
        except (OSError, ValueError) as error:
            return {"problem": f"It could not be made: {error}"}
        name = f"radloop-{case.answer['request_id'][:12]}.{KINDS[kind].suffix}"
        return {"name": name, "type": made.media_type, "content": base64.b64encode(made.content).decode("ascii")}

    def shown(self, desk: Desk, visit: Visit) -> Shown:
        """Return what the page shows of a desk."""
        case, cases = desk.case, fragments.work_list(desk, visit.served)
        reading = any(one.waits and one.job is not None for one in desk.cases)
        if case is None or case.answer is None:
            picture = marked(case.picture, None) if case else None
            return Shown(cases, picture, fragments.result(case, visit.served), reading=reading, some=case is not None)
        facts = visit.served.get(case.answer["use_case"])
        return Shown(
            cases,
            marked(case.picture, case.answer),
            fragments.result(case, visit.served),
            words.judgements(facts),
            words.judged(case.answer, facts),
            words.several(facts),
            case.said,
            [name for name, kind in KINDS.items() if kind.can(case.content, case.picture)],
            words.is_synthetic(case.answer),
            timeline_drawing.timeline(case.clip, case.answer),
            reading,
            some=True,
        )

    def _answered(self, visit: Visit, word: str, desk: Desk) -> Iterator[Step]:
        """Ask about every case, clips last: they take long. It stops where the desk is cleared or asked about anew."""
        desk.turn += 1
        desk.chosen, turn = False, desk.turn
        for case in desk.cases:
            case.forget()
        with visit.asking() as asking:
            for case in sorted(desk.cases, key=lambda one: is_video(one.content)):
                yield from self._followed(asking, case, visit, word, desk)
                if desk.turn != turn:
                    return
        self._desks.trim()

    def _followed(self, asking: Asking, case: Case, visit: Visit, word: str, desk: Desk) -> Iterator[Step]:
        """Ask about one case and yield what is shown; None where the desk was cleared or asked about anew meanwhile."""
        turn = desk.turn
        with contextlib.closing(self._steps(asking, case, visit)) as steps:
            for _ in steps:
                if desk.turn != turn:
                    break
                yield word, self.shown(desk, visit)
        if desk.turn != turn:
            yield word, None
            return
        desk.shown = desk.shown if desk.chosen else desk.order()[0]
        yield word, self.shown(desk, visit)

    def _steps(self, asking: Asking, case: Case, visit: Visit) -> Generator[None, None, None]:
        """Ask about one case; yield while it is a clip that is being read."""
        if is_video(case.content):
            yield from self._read(asking, case, visit)
        else:
            self._look(asking, case)
            self._ask(asking, case, visit)

    def _look(self, asking: Asking, case: Case) -> None:
        if case.picture is None:
            try:
                case.picture = picture_of(asking.view(case.content))
            except ServiceError:  # the answer's own refusal says why
                case.picture = None

    def _ask(self, asking: Asking, case: Case, visit: Visit) -> None:
        case.answer = case.problem = None
        case.said = ""
        try:
            case.answer = asking.answer(case.content, visit.use_case, visit.clinical, case.target)
        except ServiceError as error:
            case.problem = problem_of(error)

    def _read(self, asking: Asking, case: Case, visit: Visit) -> Generator[None, None, None]:
        try:
            with contextlib.closing(asking.clip(case.content, _for_clips(visit), visit.clinical)) as jobs:
                for job in jobs:
                    if (result := job.get("result")) is None:
                        case.job = job
                        yield
                    else:
                        case.answer = result["answer"]
                        case.clip = {name: member for name, member in result.items() if name != "answer"}
        except ServiceError as error:
            case.problem = problem_of(error)


def _for_clips(visit: Visit) -> str:
    """Return the use case that a clip is asked about: the chosen one, or the only one that takes clips.

    Raises:
        RefusedError: there is none, or several.
    """
    if visit.use_case:
        return visit.use_case
    takes = [name for name, one in visit.served.items() if one.get("frames_per_second")]
    if len(takes) > 1:
        raise RefusedError("ambiguous_clip", "several use cases take clips", "choose the one that you mean")
    if not takes:
        raise RefusedError("video_not_admitted", "no use case that is served here takes clips", "send one frame as PNG or DICOM")
    return takes[0]
