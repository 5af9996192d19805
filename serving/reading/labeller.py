"""What happens with a label list on the page: it is taken, gone through, labelled, sent and given back."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gradio_client.utils import strip_invalid_filename_characters as uploaded

from radloop.client import ServiceError
from radloop.serving.reading import label_rows, words
from radloop.serving.reading.asking import is_video, problem_of
from radloop.serving.reading.desk import HELD, Case, Desk, Desks
from radloop.serving.reading.judgement import judge
from radloop.serving.reading.label_list import LabelList, LabelListError, Row, read_list, write_list
from radloop.serving.reading.picture import marked, picture_of
from radloop.serving.reading.uploads import Uploads
from radloop.serving.reading.visit import Visit

_MOST = HELD // 2
"""Bytes of images that one list may hold in memory."""
_HEAD = 4096
_UNSAVED = "There are labels here that are in no file yet: save the list first, or clear it."


@dataclass(frozen=True)
class Listed:
    """What the page shows of a label list.

    Attributes:
        labels: the list itself, None where there is none.
        word: of the desk on which its images lie.
        rows: all of them, as HTML.
        row: the one that is looked at, as HTML.
        picture: of the viewer.
        words: that can be chosen.
        chosen: of them, what was filled in.
        several: whether more than one can be true.
        told: what became of what was just done, as HTML.
    """

    labels: LabelList | None
    word: str
    rows: str
    row: str
    picture: dict[str, Any] | None = None
    words: Sequence[str] = ()
    chosen: Sequence[str] = ()
    several: bool = False
    told: str = ""


class Labeller:
    """The label list's work for all visitors. The list itself stays with its page, the images lie on a desk."""

    def __init__(self, uploads: Uploads, desks: Desks) -> None:
        """Begin with empty desks.

        Args:
            uploads: where dropped files lie.
            desks: for the images.
        """
        self._uploads = uploads
        self._desks = desks

    def take(self, visit: Visit, files: Sequence[str], labels: LabelList | None, word: str | None) -> Listed:
        """Take a list, images, or both; a list that cannot be taken leaves the one that is there as it was."""
        word, desk = self._desks.open(word)
        contents = [self._uploads.named(file) for file in files]
        lists = [one for one in contents if _is_list(*one)]
        told = ["More than one list was dropped: one at a time, please."] if len(lists) > 1 else []
        if len(lists) == 1:
            try:
                labels = _after(labels, read_list(*lists[0]))
            except LabelListError as error:
                told.append(str(error))
        told += _lay(desk, labels, [one for one in contents if one not in lists])
        self._desks.trim()
        return self.shown(visit, labels, word, " ".join(told))

    def select(self, visit: Visit, labels: LabelList | None, word: str | None, index: int) -> Listed:
        """Look at another row."""
        return self.shown(visit, labels.look(index) if labels else None, word)

    def send(self, visit: Visit, labels: LabelList | None, word: str | None) -> Listed:
        """Send the labels of the row that is looked at, and go on to the next one if they are taken."""
        if labels is None:
            return self.shown(visit, labels, word, "Drop a label list first.")
        row, number, facts = labels.row, labels.shown, facts_of(visit)
        if facts is None:
            return self.shown(visit, labels, word, "Choose the use case that the list was made for.")
        if not row.labels:
            return self.shown(visit, labels, word, "Choose what the image shows: a row without a label is no finding.")
        judged = judge(visit, row.request_id, row.labels, row.reader, words.several(facts))
        labels = labels.filled(number, replace(row, sent=judged.taken, told=judged.text))
        said = f"Row {number + 1}: {judged.text}"
        return self.shown(visit, labels.onward() if judged.taken else labels, word, said)

    def clear(self, visit: Visit, labels: LabelList | None, word: str | None) -> Listed:
        """Forget list and images; labels that are in no file yet are forgotten at the second time only."""
        if labels is not None and not labels.kept and not labels.leaving:
            told = "There are labels here that are in no file yet: save the list first, or press again to clear it."
            return self.shown(visit, replace(labels, leaving=True), word, told)
        self._desks.clear(word)
        return self.shown(visit, None, None)

    def save(self, visit: Visit, labels: LabelList, word: str | None) -> tuple[dict[str, Any], Listed]:
        """Return the list for the browser to save, as `name`, `type` and `content` in base64, and what is shown."""
        stem = labels.name.rpartition(".")[0] or labels.name
        name = f"{stem.removesuffix('-labelled')}-labelled.csv"
        content = base64.b64encode(write_list(labels).encode()).decode("ascii")
        told = f"Saved as {name}, where the browser puts its downloads."
        return {"name": name, "type": "text/csv", "content": content}, self.shown(visit, replace(labels, kept=True), word, told)

    def shown(self, visit: Visit, labels: LabelList | None, word: str | None, told: str = "") -> Listed:
        """Return what the page shows."""
        word, desk = self._desks.open(word)
        if labels is None:
            waiting = f"{len(desk.cases)} images wait for their list." if desk.cases else ""
            return Listed(None, word, "", label_rows.empty(waiting), told=label_rows.told(told))
        picture, place = self._picture(visit, desk, labels)
        facts = facts_of(visit)
        return Listed(
            labels,
            word,
            label_rows.rows(labels),
            label_rows.row(labels, place, "" if told else labels.row.told),
            picture,
            choices(facts),
            chosen(labels.row, facts),
            words.several(facts),
            label_rows.told(told),
        )

    def _picture(self, visit: Visit, desk: Desk, labels: LabelList) -> tuple[dict[str, Any] | None, str]:
        """Return what the viewer shows of a row, and a sentence that says what it is or why it shows nothing."""
        case, place = _found(desk, labels)
        if case is None or is_video(case.content):
            return None, place if case is None else f"{case.name} is a clip: look at it in a player."
        if case.picture is None:
            try:
                with visit.asking() as asking:
                    case.picture = picture_of(asking.view(case.content))
            except ServiceError as error:
                return None, f"{case.name} cannot be shown: {words.advice(problem_of(error))[0]}"
        return marked(case.picture, None), place


def kept(labels: LabelList | None, visit: Visit, said: Sequence[str], reader: str) -> LabelList | None:
    """Return the list with what was chosen for the row that is looked at, so that nothing is lost by looking elsewhere."""
    if labels is None:
        return None
    labels = replace(labels, leaving=False)
    row = labels.row
    if list(said) == chosen(row, facts_of(visit)):  # as it was shown
        return labels if row.sent or not row.labels or row.reader == reader else labels.filled(labels.shown, _by(row, reader))
    return labels.filled(labels.shown, replace(_by(row, reader), labels=tuple(said), sent=False, told=""))


def facts_of(visit: Visit) -> Mapping[str, Any] | None:
    """Return what is known of the chosen use case, of the only one where none is chosen; None where it is not clear."""
    if visit.use_case:
        return visit.served.get(visit.use_case)
    return next(iter(visit.served.values())) if len(visit.served) == 1 else None


def choices(facts: Mapping[str, Any] | None) -> list[str]:
    """Return the words that a row can be given; that nothing is found is a word too, for silence is no finding."""
    none = (facts or {}).get("labels", {}).get("none") if words.several(facts) else None
    return [*words.judgements(facts), *([str(none)] if none else [])]


def chosen(row: Row, facts: Mapping[str, Any] | None) -> list[str]:
    """Return what was filled in, as far as the use case has such words."""
    return [word for word in row.labels if word in choices(facts)]


def _by(row: Row, reader: str) -> Row:
    return replace(row, reader=reader) if reader else row


def _is_list(name: str, content: bytes) -> bool:
    return name.lower().endswith(".csv") or b"request_id" in content[:_HEAD].partition(b"\n")[0]


def _after(before: LabelList | None, labels: LabelList) -> LabelList:
    """Return a list that comes after another one: what was filled in of the same requests stays.

    Raises:
        LabelListError: labels would be lost that are in no file yet.
    """
    if before is None:
        return labels
    filled = {row.request_id: row for row in before.rows if row.labels}
    if not before.kept and not filled.keys() <= {row.request_id for row in labels.rows}:
        raise LabelListError(_UNSAVED)
    rows = tuple(replace(filled[row.request_id], cells=row.cells) if row.request_id in filled else row for row in labels.rows)
    return replace(labels, rows=rows, kept=before.kept)


def _lay(desk: Desk, labels: LabelList | None, files: Sequence[tuple[str, bytes]]) -> list[str]:
    """Lay images on the desk, and return what to say of those that are not kept."""
    told, times = [], Counter(name for name, _ in files)
    twice = sorted(name for name, count in times.items() if count > 1)
    if twice:
        told.append(f"Several files are called {', '.join(twice)}: it cannot be told which belongs to a row; none was taken.")
    foreign = [name for name, _ in files if labels is not None and not _belongs(name, labels)]
    if foreign:
        told.append(f"No row of the list names {', '.join(foreign)}.")
    for name, content in files:
        if times[name] > 1 or name in foreign:
            continue
        others = [case for case in desk.cases if case.name != name]
        if sum(case.size for case in others) + len(content) > _MOST:
            told.append(f"There is no room for {name}: drop it again when other rows are done.")
            continue
        desk.cases = [*others, Case(name, content)]
    return told


def _belongs(name: str, labels: LabelList) -> bool:
    return any(name == uploaded(row.file) or _stem(name) == row.request_id for row in labels.rows)


def _found(desk: Desk, labels: LabelList) -> tuple[Case | None, str]:
    """Return the file of the row that is looked at, and how it was found or why not.

    A file that is called as the request belongs to it; otherwise the name that the list gives has to be one row's only.
    """
    row = labels.row
    for case in desk.cases:
        if _stem(case.name) == row.request_id:
            return case, f"{case.name} is named by the request."
    if not row.file:
        return None, "The list does not say which file it was: radloop queue writes that with --files FOLDER."
    if sum(uploaded(other.file) == uploaded(row.file) for other in labels.rows if other.file) > 1:
        return None, f"Several rows name a file {row.file}: it cannot be told which is which, so none is shown."
    for case in desk.cases:
        if case.name == uploaded(row.file):
            return case, f"{case.name}, found by its name: make sure that it is the image that was asked about."
    return None, f"Its file is {row.file}: drop it to see it."


def _stem(name: str) -> str:
    return re.sub(r"\.[^.]*$", "", name)
