"""Memory is bounded, and nobody comes to another's desk."""

from __future__ import annotations

from radloop.serving.reading.desk import Case, Desks


def test_a_word_leads_back_to_its_desk_and_no_other_does() -> None:
    desks = Desks()
    word, desk = desks.open(None)
    desk.cases.append(Case("a", b"x"))
    assert desks.open(word) == (word, desk)
    other, fresh = desks.open("guessed")
    assert other not in (word, "guessed") and fresh.cases == []
    desks.clear(word)
    assert desks.open(word)[1].cases == []


def test_the_desk_that_rested_longest_is_cleared_first() -> None:
    """Three desks of 40 bytes within 100: one goes, the first that nobody touched."""
    desks = Desks(held=100)
    words = []
    for _ in range(3):
        word, desk = desks.open(None)
        desk.cases.append(Case("a", b"x" * 30, {"png": "y" * 10}))
        words.append(word)
    desks.open(words[0])
    desks.trim()
    assert [bool(desks.open(word)[1].cases) for word in words] == [True, False, True]


def test_the_last_desk_stays_however_large() -> None:
    desks = Desks(held=1)
    word, desk = desks.open(None)
    desk.cases.append(Case("a", b"xx"))
    desks.trim()
    assert desks.open(word)[1].cases
    assert desk.case is desk.cases[0]
    desk.shown = 5
    assert desk.case is None


def test_what_waits_is_read_last_and_a_cleared_desk_is_told_so() -> None:
    desks = Desks()
    word, desk = desks.open(None)
    refused = Case("a", b"", problem={"code": "x"})
    desk.cases = [Case("clip", b"", job={"job": "1"}), refused]
    assert desk.order() == [1, 0]
    refused.forget()
    assert refused.waits and desk.order() == [0, 1]
    desks.clear(word)
    assert desk.turn == 1
