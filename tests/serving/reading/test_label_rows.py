"""A label list's HTML."""

from __future__ import annotations

from dataclasses import replace

from radloop.serving.reading.label_list import read_list
from radloop.serving.reading.label_rows import empty, row, rows, told

A, B = "a" * 32, "b" * 32
LABELS = read_list("q.csv", f"request_id,label,path,score,why\n{A},,<i>.png,0.5,far; <b>unsure\n{B},<u>,,,\n".encode())


def test_a_row_says_which_request_it_is_and_why_and_nothing_is_markup() -> None:
    text = row(LABELS, "Its file is <i>.png", "said <b>")
    assert "Row 1 of 2" in text and f"<code>{A}</code>" in text and "Score 0.5" in text
    assert "<li>far</li><li>&lt;b&gt;unsure</li>" in text and "&lt;i&gt;.png" in text and "said &lt;b&gt;" in text
    bare = row(LABELS.look(1), "x")
    assert "Why" not in bare and "Score" not in bare


def test_rows_say_how_far_they_are() -> None:
    text = rows(LABELS)
    assert "0 of 2 labels sent" in text and "data-case='0' aria-current='true'" in text
    assert "Wants a label" in text and "Not sent yet: &lt;u&gt;" in text and "<u>" not in text and ">bbbbbbbbbbbb<" in text
    second = LABELS.rows[1]
    assert "Not taken: &lt;u&gt;" in rows(LABELS.filled(1, replace(second, told="Not taken: x")))
    sent = rows(LABELS.filled(1, replace(second, sent=True, told="Thank you")))
    assert "Sent: &lt;u&gt;" in sent and "1 of 2 labels sent" in sent and "max='2' value='1'" in sent


def test_without_a_list_it_says_how_to_get_one() -> None:
    assert "radloop queue UC" in empty("") and "3 images wait" in empty("3 images wait for their list.")
    assert told("") == "" and told("<i>") == "<p role='status'>&lt;i&gt;</p>"
