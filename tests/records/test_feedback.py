"""What stands of labels that come late, twice, and against each other."""

from __future__ import annotations

from pathlib import Path

from radloop.records.answers import AnswerRecord, blank_patient
from radloop.records.feedback import Given, given_to, payload, standing, status_of

TB, NORMAL = ("tuberculosis",), ("normal",)
ANSWER = {"request_id": "r1", "use_case": "tb-cxr", "model": {"bundle": "sha256:1"}, "patient": "P1"}


def at(minute: int, labels: tuple[str, ...], reader: str | None = None, settles: bool = False) -> Given:
    return Given(f"2026-01-01T00:{minute:02}:00.000000+00:00", labels, reader, settles)


def test_the_latest_of_one_reader_stands_in_whatever_order_it_is_read() -> None:
    first, second = at(1, TB, "Ito"), at(2, NORMAL, "Ito")
    for given in ([first, second], [second, first]):
        found = standing(given)
        assert found is not None and (found.labels, found.readers, found.contradicted) == (NORMAL, 1, False)
        assert found.time == second.time
    assert standing([]) is None


def test_readers_that_differ_contradict_until_one_gives_way_or_it_is_settled() -> None:
    given = [at(1, TB, "Ito"), at(2, NORMAL, "Roe")]
    found = standing(given)
    assert found is not None and found.contradicted and found.readers == 2
    gives_way = standing([*given, at(3, TB, "Roe")])
    assert gives_way is not None and (gives_way.labels, gives_way.readers) == (TB, 2)
    settled = standing([*given, at(3, NORMAL, "Chief", settles=True)])
    assert settled is not None and (settled.labels, settled.readers) == (NORMAL, 1)
    again = standing([*given, at(3, NORMAL, "Chief", settles=True), at(4, TB, "Ito")])
    assert again is not None and again.contradicted


def test_the_status_of_a_label_beside_those_before() -> None:
    before = [at(1, TB, "Ito")]
    assert status_of(at(2, TB, "Ito"), before) == "duplicate"
    assert status_of(at(2, NORMAL, "Ito"), before) == "new"
    assert status_of(at(2, TB, "Roe"), before) == "new"
    assert status_of(at(2, NORMAL, "Roe"), before) == "contradicts"
    assert status_of(at(2, NORMAL, "Roe", settles=True), before) == "new"
    assert status_of(at(2, NORMAL, None), []) == "new"


def test_what_one_request_was_given_is_found_in_all_segments_and_goes_with_its_patient(tmp_path: Path) -> None:
    for number, labels in enumerate((TB, NORMAL)):  # a record each: two segments
        record = AnswerRecord(tmp_path)
        record.append(payload(at(number, labels, "Ito"), ANSWER, None, "csv"))
        record.append(payload(at(number, labels, "Ito"), ANSWER | {"request_id": "r2", "patient": None}, None, "csv"))
        record.close()
    assert [item.labels for item in given_to(("r1",), tmp_path)["r1"]] == [TB, NORMAL]
    assert blank_patient("P1", tmp_path) == 2
    assert given_to(("r1", "r2", "r3"), tmp_path).keys() == {"r2"}
