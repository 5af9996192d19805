"""A label list gone through against a running service."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from radloop.monitoring.feedback_table import take_table
from radloop.records.feedback import feedback_folder, given_to
from radloop.serving.reading.asking import Asking
from radloop.serving.reading.desk import Desks
from radloop.serving.reading.label_list import LabelList
from radloop.serving.reading.labeller import Labeller, Listed, choices, chosen, kept
from radloop.serving.reading.uploads import Uploads
from radloop.serving.reading.visit import Visit
from radloop.settings import Settings
from tests.serving.reading.conftest import CLIP, DICOM, PNG


class Desk:
    """One visitor at the label list: what is dropped, chosen and pressed."""

    def __init__(self, uploads: Uploads, visit: Visit) -> None:
        self.labeller, self.uploads, self.visit = Labeller(uploads, Desks()), uploads, visit
        self.now = self.labeller.shown(visit, None, None)

    @property
    def labels(self) -> LabelList:
        """Return the list as it is now."""
        assert self.now.labels is not None
        return self.now.labels

    def drop(self, **files: bytes) -> Listed:
        """Drop files; an underscore in a name stands for its dot."""
        names = []
        for name, content in files.items():
            place = self.uploads.folder / name.replace("_", ".")
            place.write_bytes(content)
            names.append(str(place))
        self.now = self.labeller.take(self.visit, names, self.now.labels, self.now.word)
        return self.now

    def choose(self, *said: str, reader: str = "") -> None:
        """Choose labels of the row that is looked at."""
        self.now = replace(self.now, labels=kept(self.now.labels, self.visit, said, reader))

    def send(self, *said: str, reader: str = "") -> Listed:
        """Choose labels and send them."""
        self.choose(*said, reader=reader)
        self.now = self.labeller.send(self.visit, self.now.labels, self.now.word)
        return self.now

    def look(self, index: int) -> Listed:
        """Press a row."""
        self.now = self.labeller.select(self.visit, self.now.labels, self.now.word, index)
        return self.now

    def saved(self) -> str:
        """Save the list, and return the file."""
        file, self.now = self.labeller.save(self.visit, self.labels, self.now.word)
        assert file["name"] == "queue-labelled.csv"
        return base64.b64decode(file["content"]).decode()


@pytest.fixture
def desk(visit: Visit) -> Iterator[Desk]:
    uploads = Uploads(10_000_000)
    yield Desk(uploads, visit)
    uploads.close()


@pytest.fixture
def requests(visit: Visit) -> list[str]:
    """Return the ids of four new answers: three of tuberculosis, one of findings."""
    with Asking(visit.url, "") as asking:
        cases = ("tb-cxr", "tb-cxr", "tb-cxr", "thorax-cxr")
        return [asking.answer(PNG, case, {})["request_id"] for case in cases]


def listed(*rows: tuple[str, str]) -> bytes:
    lines = [f"{request},,{path},0.5,far" for request, path in rows]
    return "\n".join(["request_id,label,path,score,why", *lines, ""]).encode()


def test_a_list_is_gone_through_sent_and_given_back(desk: Desk, requests: list[str], asked: tuple[str, Settings]) -> None:
    one, two, three, _ = requests
    now = desk.drop(queue_csv=listed((one, "/sent/one.png"), (two, "C:\\sent\\two.dcm"), (three, "")), one_png=PNG, two_dcm=DICOM)
    assert now.words == ["tuberculosis", "normal"] and not now.several and now.told == ""
    assert now.picture is not None and now.picture["columns"] == 256 and "found by its name" in now.row
    assert [path for path in desk.uploads.folder.rglob("*") if path.is_file()] == []
    now = desk.send("normal", reader="Ito")
    assert "Row 1: Thank you, noted: normal." in now.told and "Row 2 of 3" in now.row and now.picture is not None
    now = desk.send("tuberculosis")
    assert "Row 3 of 3" in now.row and now.picture is None and "does not say which file" in now.row
    given = {
        name: [(each.labels, each.reader) for each in given_to((name,), feedback_folder(asked[1]))[name]] for name in (one, two)
    }
    assert given == {one: [(("normal",), "Ito")], two: [(("tuberculosis",), None)]}
    saved = desk.saved().splitlines()
    assert saved[0] == "request_id,label,path,score,why,reader"
    assert [line.split(",")[1] for line in saved[1:]] == ["normal", "tuberculosis", ""]
    table = take_table(desk.saved(), asked[1])  # the command takes the same file, and learns nothing new
    assert (table.counts["duplicate"], table.written, table.blank, table.bad) == (2, 0, 1, ())


def test_what_is_refused_is_said_and_stays_filled_in(desk: Desk, requests: list[str]) -> None:
    desk.drop(queue_csv=listed((requests[0], ""), ("0" * 32, ""), (requests[3], "")))
    assert "a row without a label is no finding" in desk.send().told
    desk.look(1)
    assert "Row 2: Not taken: This service holds no such request." in desk.send("normal").told
    desk.look(2)
    assert "no label of the use case that answered" in desk.send("normal").told and desk.labels.shown == 2
    assert [(row.labels, row.sent) for row in desk.labels.rows] == [((), False), (("normal",), False), (("normal",), False)]
    assert desk.now.rows.count("Not taken: normal") == 2
    gone = replace(desk.visit, url="http://127.0.0.1:9")
    desk.visit = gone
    desk.look(0)
    assert "No answer came" in desk.send("normal").told
    assert [line.split(",")[1] for line in desk.saved().splitlines()[1:]] == ["normal"] * 3


def test_none_of_several_findings_is_a_word(desk: Desk, requests: list[str], asked: tuple[str, Settings]) -> None:
    desk.visit = replace(desk.visit, use_case="thorax-cxr")
    now = desk.drop(queue_csv=listed((requests[3], "")))
    assert now.words == ["mass", "nodule", "effusion", "hernia", "none"] and now.several
    assert "exclude each other" in desk.send("mass", "none").told
    assert "noted: none" in desk.send("none").told
    assert given_to((requests[3],), feedback_folder(asked[1]))[requests[3]][-1].labels == ("none",)
    assert "noted: mass, nodule" in desk.send("mass", "nodule").told
    assert desk.saved().splitlines()[1].split(",")[1] == "mass|nodule"


def test_what_is_chosen_and_not_sent_is_not_lost_by_looking_elsewhere(desk: Desk, requests: list[str]) -> None:
    desk.drop(queue_csv=listed((requests[0], ""), (requests[1], "")))
    desk.choose("normal")
    desk.look(1)
    assert "Not sent yet: normal" in desk.now.rows
    assert list(desk.look(0).chosen) == ["normal"]
    desk.send("normal")
    desk.look(0)
    desk.choose("normal")  # as it was shown
    assert desk.labels.row.sent
    desk.choose("tuberculosis")
    assert not desk.labels.row.sent and desk.labels.row.labels == ("tuberculosis",)


def test_a_file_that_is_no_list_and_another_list_lose_nothing(desk: Desk, requests: list[str]) -> None:
    assert "does not name request_id" in desk.drop(wrong_csv=b"patient,label\nRoe,x\n").told and desk.now.labels is None
    desk.drop(queue_csv=listed((requests[0], ""), (requests[1], "")))
    desk.send("normal")
    for told, files in (
        ("one at a time", {"a_csv": listed((requests[2], "")), "b_csv": listed((requests[3], ""))}),
        ("not UTF-8", {"bad_csv": b"\xff\xfe"}),
        ("in no file yet", {"other_csv": listed((requests[2], ""))}),
    ):
        assert told in desk.drop(**files).told and desk.labels.rows[0].labels == ("normal",) and desk.labels.shown == 1
    now = desk.drop(queue_csv=listed((requests[0], "/sent/a.png"), (requests[2], "")))  # the same request, and another one
    assert [row.labels for row in desk.labels.rows] == [("normal",), ()] and desk.labels.rows[0].sent and now.told == ""
    desk.saved()
    desk.drop(other_csv=listed((requests[3], "")))
    assert [row.request_id for row in desk.labels.rows] == [requests[3]]


def test_clearing_asks_once_where_labels_are_in_no_file(desk: Desk, requests: list[str]) -> None:
    labeller, visit = desk.labeller, desk.visit
    desk.drop(queue_csv=listed((requests[0], "")))
    assert labeller.clear(visit, desk.labels, desk.now.word).labels is None
    desk.drop(queue_csv=listed((requests[0], "")))
    desk.choose("normal")
    warned = labeller.clear(visit, desk.labels, desk.now.word)
    assert warned.labels is not None and "press again" in warned.told
    assert kept(warned.labels, visit, ["normal"], "") == replace(warned.labels, leaving=False)  # whatever else is done
    assert labeller.clear(visit, warned.labels, warned.word).labels is None


def test_an_image_belongs_to_a_row_only_where_its_name_tells(desk: Desk, requests: list[str]) -> None:
    one, two, three, four = requests
    rows = listed((one, "/a/x.png"), (two, "/b/x.png"), (three, "/b/z.png"), (four, ""))
    now = desk.drop(x_png=PNG, clip_avi=CLIP)
    assert "2 images wait for their list." in now.row
    now = desk.drop(queue_csv=rows)
    assert now.picture is None and "Several rows name a file x.png" in now.row
    assert "Its file is z.png: drop it to see it." in desk.look(2).row
    assert "No row of the list names y.png." in desk.drop(y_png=PNG).told
    desk.drop(**{f"{four}_png": PNG, "z_png": b"text"})
    assert "z.png cannot be shown: This is neither DICOM" in desk.look(2).row
    assert desk.drop(z_png=PNG).picture is not None  # the newer one
    assert "z.png is a clip" in desk.drop(z_png=CLIP).row
    now = desk.look(3)
    assert now.picture is not None and "is named by the request" in now.row


def test_without_a_use_case_nothing_can_be_chosen(desk: Desk, requests: list[str], visit: Visit) -> None:
    desk.visit = replace(visit, use_case=None)
    now = desk.drop(queue_csv=listed((requests[0], "")))
    assert now.words == [] and "Choose the use case" in desk.send().told
    only: dict[str, Any] = {"tb-cxr": visit.served["tb-cxr"]}
    assert desk.labeller.shown(replace(desk.visit, served=only), desk.labels, None).words == ["tuberculosis", "normal"]
    assert choices(None) == [] and "Drop a label list first." in desk.labeller.send(visit, None, None).told


def test_a_word_of_another_use_case_is_not_offered_and_not_thrown_away(desk: Desk, requests: list[str], visit: Visit) -> None:
    content = f"request_id,label\n{requests[0]},mass\n".encode()
    now = desk.drop(queue_csv=content)
    assert list(now.chosen) == [] and "Not sent yet: mass" in now.rows
    desk.choose()  # as it was shown
    assert desk.labels.row.labels == ("mass",) and chosen(desk.labels.row, visit.served["thorax-cxr"]) == ["mass"]
