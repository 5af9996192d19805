"""A label list as a file: read, filled in, written."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from radloop.monitoring.queue import Queue, Queued, as_csv
from radloop.serving.reading.label_list import LONGEST, LabelListError, read_list, write_list

A, B, C = "a" * 32, "b" * 32, "c" * 32
CSV = f'request_id,label,path,score,why\n{A},,/sent/one.png,0.5000,"unsure (0.6), far"\n{B},mass|nodule,C:\\sent\\two.png,0.2500,\n{C},,,0.1,\n'


def queued(name: str) -> Queued:
    return Queued(name, "2026-01-01T00:00:00Z", 0.5, 0.6, 1.5, 2, "F", "40-59", None, "far; unsure (0.60)")


def test_what_the_queue_writes_is_read_and_written_back_unchanged() -> None:
    written = as_csv(Queue("uc", 1, "sha256:0", 2, 0, None, (queued(A), queued(B))), {A: "/sent/one.png"})
    labels = read_list("queue.csv", written.encode())
    assert [row.file for row in labels.rows] == ["one.png", ""] and labels.row.cells["why"] == "far; unsure (0.60)"
    assert write_list(labels) == written


def test_labels_are_read_and_the_first_open_row_is_looked_at() -> None:
    labels = read_list("queue.csv", CSV.encode())
    assert [row.labels for row in labels.rows] == [(), ("mass", "nodule"), ()]
    assert [row.file for row in labels.rows] == ["one.png", "two.png", ""]
    assert (labels.shown, labels.done, labels.kept) == (0, 0, True)
    semicolons = read_list("queue.csv", f"\ufeffrequest_id;label\r\n{A};mass\r\n{B};\r\n".encode())
    assert semicolons.shown == 1 and write_list(semicolons) == f"request_id,label\n{A},mass\n{B},\n"


def test_labels_are_filled_in_and_the_next_open_row_comes_round() -> None:
    labels = read_list("queue.csv", CSV.encode()).look(2)
    labels = labels.filled(2, replace(labels.row, labels=("mass",), reader="Ito", sent=True))
    assert not labels.kept and labels.done == 1
    assert labels.onward().shown == 0 and labels.onward().onward().shown == 1  # two is filled in, but not sent
    assert labels.look(9).shown == 2
    lines = write_list(labels).splitlines()
    assert lines[0] == "request_id,label,path,score,why,reader"
    assert lines[1] == f'{A},,/sent/one.png,0.5000,"unsure (0.6), far",' and lines[3] == f"{C},mass,,0.1,,Ito"
    done = labels
    for index in (0, 1):
        done = done.filled(index, replace(done.rows[index], sent=True))
    assert done.onward().shown == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "does not name request_id and label"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", "not UTF-8 text"),
        (b"request_id,score\n", "does not name label"),
        (b"request_id,label,label\n", "names a column twice"),
        (b"request_id,label\n", "has no rows"),
        (f"request_id,label\n{A},\nMRN-77,\n".encode(), "Line 3 names no request"),
        (f"request_id,label\n{A},a,b\n".encode(), "Line 2 has more cells"),
        (f"request_id,label\n{A},\n{B},\n{A},\n".encode(), "stands in the rows 1, 3"),
        (f'request_id,label\n{A},"a\n'.encode(), "no CSV that can be read"),
        (("request_id,label\n" + "".join(f"{k:032x},\n" for k in range(LONGEST + 1))).encode(), "1001 rows"),
    ],
)
def test_what_is_no_list_is_said_and_nothing_of_it_repeated(content: bytes, said: str) -> None:
    with pytest.raises(LabelListError, match=re.escape(said)) as caught:
        read_list("a.csv", content)
    assert "MRN" not in str(caught.value)
