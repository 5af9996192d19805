"""What happens on the page, without its layout."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from radloop.records.answers import answers_folder, find
from radloop.serving.reading.reader import Reader
from radloop.serving.reading.uploads import Uploads
from radloop.serving.reading.visit import Visit, clinical_of
from radloop.settings import Settings
from tests.serving.reading.conftest import CLIP, DICOM, LONG_CLIP, PNG


@pytest.fixture
def uploads() -> Iterator[Uploads]:
    made = Uploads(10_000_000)
    yield made
    made.close()


def drop(uploads: Uploads, **contents: bytes) -> list[str]:
    for name, content in contents.items():
        (uploads.folder / name).write_bytes(content)
    return [str(uploads.folder / name) for name in contents]


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_work_list_is_answered_sorted_and_leaves_no_file(uploads: Uploads, visit: Visit) -> None:
    reader = Reader(uploads)
    steps = list(reader.take(visit, drop(uploads, a=DICOM, b=b"text", c=PNG), None))
    assert len(steps) == 3 and files_in(uploads.folder) == []
    word, shown = steps[-1]
    assert shown.cases.count("data-case") == 3
    assert shown.picture is not None and shown.picture["heat"] and (shown.picture["rows"], shown.picture["columns"]) == (256, 256)
    assert shown.words == ["tuberculosis", "normal"] and not shown.several
    assert list(shown.exports) == ["pdf", "json", "sr", "capture"]
    _, refused = reader.select(visit, word, 1)
    assert refused.picture is None and "neither DICOM" in refused.result and refused.exports == ()
    _, png = reader.select(visit, word, 2)
    assert list(png.exports) == ["pdf", "json", "capture"]  # a report needs an examination to belong to
    assert reader.select(visit, word, 99)[1].result == png.result


def test_an_image_larger_than_one_may_be_is_refused_by_the_service(uploads: Uploads, visit: Visit) -> None:
    ((_, shown),) = Reader(uploads).take(visit, drop(uploads, a=b"\0" * 10_000_001), None)
    assert shown is not None and "The file is too large." in shown.result


def test_another_finding_and_other_values_are_asked_for(uploads: Uploads, visit: Visit) -> None:
    reader, thorax = Reader(uploads), replace(visit, use_case="thorax-cxr")
    ((word, shown),) = reader.take(thorax, drop(uploads, a=PNG), None)
    assert shown.several and shown.chosen is not None
    _, shown = reader.explain(thorax, word, "hernia")
    assert shown.picture is not None and shown.picture["target"] == "hernia"
    covid = replace(visit, use_case="covid-cxr", clinical=clinical_of(None, "", {"temperature": 38.5, "intubated": ""}))
    (_, shown), *_ = reader.ask_all(covid, word)
    assert "Severity" in shown.result and "Not known: age, sex, intubated;" in shown.result
    ((_, shown),) = reader.again(replace(covid, clinical={"temperature": 99}), word)
    assert "temperature" in shown.result and "Refused" in shown.result


def test_a_reader_agrees_and_corrects(uploads: Uploads, visit: Visit, asked: tuple[str, Settings]) -> None:
    reader = Reader(uploads)
    ((word, shown),) = reader.take(visit, drop(uploads, a=DICOM), None)
    assert shown.chosen is not None and len(shown.chosen) == 1
    other = next(label for label in shown.words if label not in shown.chosen)
    assert reader.judge(visit, word, None, "")[1].said == f"Thank you, noted: {shown.chosen[0]}."
    assert reader.judge(visit, word, None, "")[1].said.endswith("It was known already.")
    assert "contradicts" in reader.judge(visit, word, [other], "second reader")[1].said
    assert reader.judge(visit, word, [], "")[1].said.startswith("Choose what")
    assert reader.judge(visit, word, [other], "x" * 200)[1].said.startswith("Not taken: ")
    exported = reader.export(visit, word, "json")
    assert exported is not None
    document = json.loads(base64.b64decode(exported["content"]))
    assert find(document["answer"]["request_id"], answers_folder(asked[1])) is not None
    assert "Roe" not in json.dumps(document) and exported["name"].startswith("radloop-")


def test_nothing_is_exported_from_an_empty_desk(uploads: Uploads, visit: Visit) -> None:
    reader = Reader(uploads)
    assert "drop the file again" in str(reader.export(visit, None, "json"))
    assert reader.clear(visit, None)[1].cases == ""


def test_a_clip_is_followed_answered_judged_and_exported(uploads: Uploads, visit: Visit, asked: tuple[str, Settings]) -> None:
    reader, free = Reader(uploads), replace(visit, use_case=None)  # one use case takes clips: it is the one
    steps = list(reader.take(free, drop(uploads, clip=CLIP), None))
    first, (word, shown) = steps[0][1], steps[-1]
    assert first is not None and first.reading and "role='status'" in first.result and files_in(uploads.folder) == []
    assert shown is not None and not shown.reading and shown.picture is None
    assert "the mean of 9 of its 10 frames" in shown.result and "data-target" not in shown.result
    assert "Refused: 1 of 10 frames, at 0.0 s: blank image (1)." in shown.timeline
    assert list(shown.exports) == ["pdf", "json"]
    judged = reader.judge(visit, word, None, "")[1].said
    exported = reader.export(visit, word, "json")
    assert exported is not None
    document = json.loads(base64.b64decode(exported["content"]))
    assert (len(document["clip"]["timeline"]), document["clip"]["refused"]) == (10, 1)
    kept = find(document["answer"]["request_id"], answers_folder(asked[1]))
    assert judged.startswith("Thank you, noted:") and kept is not None and "answer" not in document["clip"]


def test_a_clip_is_read_after_the_images_and_can_be_asked_again(uploads: Uploads, visit: Visit) -> None:
    reader, lung = Reader(uploads), replace(visit, use_case="lung-us")
    steps = list(reader.take(lung, drop(uploads, clip=CLIP, image=PNG), None))
    assert steps[0][1] is not None and "Waits for its turn" in steps[0][1].cases
    word = steps[-1][0]
    reader.select(lung, word, 0)
    *_, (_, shown) = reader.again(replace(lung, clinical={"age": 300}), word)
    assert shown is not None and "Refused" in shown.result and "age" in shown.result and shown.timeline == ""
    *_, (_, shown) = reader.again(lung, word)
    assert shown is not None and "Over time" in shown.timeline


def test_a_clip_is_cancelled_and_a_cleared_desk_cancels_it_too(uploads: Uploads, visit: Visit) -> None:
    reader, lung = Reader(uploads), replace(visit, use_case="lung-us")
    steps = reader.take(lung, drop(uploads, clip=LONG_CLIP), None)
    word, shown = next(steps)
    assert shown is not None and shown.reading
    assert reader.cancel(lung, word)[1].reading  # until its next frame
    *_, (_, shown) = steps
    assert shown is not None and "Cancelled" in shown.result and not shown.reading and shown.exports == ()
    steps = reader.take(lung, drop(uploads, clip=LONG_CLIP), word)
    word, _ = next(steps)
    assert reader.clear(lung, word)[1].cases == ""
    assert list(steps) == [(word, None)]  # nothing of it is shown any more


def test_which_use_case_takes_a_clip_is_asked_where_it_is_not_clear(uploads: Uploads, visit: Visit) -> None:
    reader = Reader(uploads)
    twice = {**visit.served, "lung-us-2": visit.served["lung-us"]}
    ((_, shown),) = reader.take(replace(visit, use_case=None, served=twice), drop(uploads, clip=CLIP), None)
    assert shown is not None and "Several use cases take clips." in shown.result
    images = {"tb-cxr": visit.served["tb-cxr"]}
    ((_, shown),) = reader.take(replace(visit, use_case=None, served=images), drop(uploads, clip=CLIP), None)
    assert shown is not None and "No use case that is served here takes clips." in shown.result
    ((_, shown),) = reader.take(visit, drop(uploads, clip=CLIP), None)  # tuberculosis was chosen
    assert shown is not None and "takes still images only" in shown.result


def test_a_service_that_is_gone_is_said_so(uploads: Uploads) -> None:
    reader, gone = Reader(uploads), Visit("http://127.0.0.1:9")
    assert reader.served(gone)[1] == {
        "code": "unreachable", "detail": "no answer came (ConnectError)", "status": None, "request_id": None,
        "hint": "is the service running? start it with: radloop serve",
    }  # fmt: skip
    ((_, shown),) = reader.take(gone, drop(uploads, a=PNG), None)
    assert "No answer came" in shown.result and files_in(uploads.folder) == []
