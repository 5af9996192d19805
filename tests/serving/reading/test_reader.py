"""What happens on the page, without its layout."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from radloop.records.answers import answers_folder, find
from radloop.serving.reading.reader import Reader, Visit, clinical_of
from radloop.serving.reading.uploads import Uploads
from radloop.settings import Settings
from tests.serving.reading.conftest import DICOM, PNG


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


def test_another_finding_and_other_values_are_asked_for(uploads: Uploads, visit: Visit) -> None:
    reader, thorax = Reader(uploads), replace(visit, use_case="thorax-cxr")
    ((word, shown),) = reader.take(thorax, drop(uploads, a=PNG), None)
    assert shown.several and shown.chosen is not None
    _, shown = reader.explain(thorax, word, "hernia")
    assert shown.picture is not None and shown.picture["target"] == "hernia"
    covid = replace(visit, use_case="covid-cxr", clinical=clinical_of(None, "", {"temperature": 38.5, "intubated": ""}))
    (_, shown), *_ = reader.ask_all(covid, word)
    assert "Severity" in shown.result and "Not known: age, sex, intubated;" in shown.result
    _, shown = reader.again(replace(covid, clinical={"temperature": 99}), word)
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


def test_a_video_that_is_not_served_is_said_so(uploads: Uploads, visit: Visit) -> None:
    reader = Reader(uploads)
    with visit.asking() as asking:
        served = "/v1/predict_video" in asking.paths()
    *_, (_, shown) = reader.take(visit, drop(uploads, a=b"\0\0\0\x18ftypmp42" + b"\0" * 40), None)
    assert served or "answers no videos" in shown.result
    assert shown.exports == ()


def test_a_service_that_is_gone_is_said_so(uploads: Uploads) -> None:
    reader, gone = Reader(uploads), Visit("http://127.0.0.1:9")
    assert reader.served(gone)[2] == {
        "code": "unreachable", "detail": "no answer came (ConnectError)", "status": None, "request_id": None,
        "hint": "is the service running? start it with: radloop serve",
    }  # fmt: skip
    ((_, shown),) = reader.take(gone, drop(uploads, a=PNG), None)
    assert "No answer came" in shown.result and files_in(uploads.folder) == []
