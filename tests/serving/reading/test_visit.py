"""What a callback knows of its visitor."""

from __future__ import annotations

from dataclasses import replace

from radloop.serving.reading.visit import Visit, clinical_of


def test_what_is_served_is_asked_for_where_the_page_does_not_know_it(visit: Visit) -> None:
    assert replace(visit, served={}).informed() == visit
    told = replace(visit, served={"tb-cxr": {"title": "as the page knows it"}})
    assert told.informed() is told
    gone = Visit("http://127.0.0.1:9")
    assert gone.informed() is gone


def test_an_empty_value_is_not_known() -> None:
    assert clinical_of(54.0, "", {"temperature": None, "intubated": "no", "pain": 0}) == {
        "age": 54.0,
        "intubated": "no",
        "pain": 0,
    }
