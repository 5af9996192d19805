"""The page of what was kept out."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from exploration.manifests import make_row, make_thumbnail

from radloop.configuration import read_use_case
from radloop.data.manifest import frame_of
from radloop.exploration import quarantine
from radloop.exploration.quarantine import write_quarantine

PHANTOM = read_use_case(Path(__file__).parents[2] / "configs" / "use_cases" / "phantom-cxr.yaml")
ROWS = [
    make_row(0),
    make_row(1, black=0.973, contrast=0.01, excluded="quarantine:black,contrast"),
    make_row(2, text=True, excluded="quarantine:text"),
    make_row(3, excluded="leak"),
]
REFUSED = [{"row": 1014, "code": "unreadable_image", "message": "the image cannot be read: it is <cut>", "image": "Doe^Jane.png"}]


def written(folder: Path) -> str:
    frame = frame_of(ROWS, PHANTOM)
    thumbnails = {ROWS[1].id: make_thumbnail(1)}
    return write_quarantine(PHANTOM, "9f3c.dir", frame, thumbnails, REFUSED, folder / "new" / "q.html").read_text(
        encoding="utf-8"
    )


def seen(page: str) -> str:
    page = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def test_each_image_has_its_rules_and_numbers(tmp_path: Path) -> None:
    page = written(tmp_path)
    text = seen(page)
    assert "Images 4 In quarantine 2 Unreadable 1" in text
    assert "black 0.973, at most 0.95" in text
    assert "contrast 0.01, at least 0.02" in text
    assert "text found in the pixels or named by the header" in text
    assert ROWS[1].id in text
    assert ROWS[3].id not in text, "a leak is not quarantine"
    assert page.count("data:image/png") == 1
    assert "no picture" in text


def test_each_rule_has_its_limit_and_count(tmp_path: Path) -> None:
    text = seen(written(tmp_path))
    assert "black share of pixels at black at most 0.95 1" in text
    assert "sharpness variance of the Laplacian off 0" in text
    assert "text lines of text in the pixels, or the header says so none allowed 1" in text


def test_unreadable_files_are_listed_by_row_and_never_by_name(tmp_path: Path) -> None:
    page = written(tmp_path)
    assert "1014 unreadable_image the image cannot be read: it is <cut>" in seen(page)
    assert "<cut>" not in page
    assert "Doe" not in page


def test_it_asks_no_network(tmp_path: Path) -> None:
    page = written(tmp_path)
    assert not re.search(r"https?://|//[a-z]+\.|@import|<script|url\(", page)
    assert "SYNTHETIC" in page


def test_nothing_in_quarantine_is_said(tmp_path: Path) -> None:
    path = write_quarantine(PHANTOM, "9f3c.dir", frame_of(ROWS[:1], PHANTOM), {}, [], tmp_path / "q.html")
    assert "No image breaks a rule." in path.read_text()
    assert "Every file was read." in path.read_text()


def test_many_are_counted_and_the_first_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "MOST_CARDS", 3)
    rows = [make_row(number, excluded="quarantine:text") for number in range(5)]
    page = write_quarantine(PHANTOM, "9f3c.dir", frame_of(rows, PHANTOM), {}, [], tmp_path / "q.html").read_text()
    assert "The first 3 of 5." in page
    assert page.count("no picture") == 3
