"""The exploration page as a file."""

from __future__ import annotations

import html
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exploration.manifests import make_row, make_thumbnail

from radloop.configuration import read_use_case
from radloop.data.manifest import Row, frame_of
from radloop.exploration.page import write_exploration
from radloop.use_case import Clinical, UseCase

USE_CASES = Path(__file__).parents[2] / "configs" / "use_cases"
PHANTOM = read_use_case(USE_CASES / "phantom-cxr.yaml")
THORAX = read_use_case(USE_CASES / "thorax-cxr.yaml")


def written(folder: Path, rows: list[Row], use_case: UseCase = PHANTOM, leaks: tuple[dict[str, Any], ...] = ()) -> str:
    thumbnails = {row.id: make_thumbnail(number) for number, row in enumerate(rows)}
    path = write_exploration(use_case, "9f3c.dir", frame_of(rows, use_case), thumbnails, leaks, folder / "new" / "page.html")
    assert path == folder / "new" / "page.html"
    return path.read_text(encoding="utf-8")


def words(page: str) -> str:
    """Return what a reader sees of the page itself, in one line."""
    page = re.sub(r"<style>.*?</style>|<iframe.*?</iframe>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def some_rows() -> list[Row]:
    sexes, labels = ("F", "M", None), ("normal", "opacity")
    rows = [
        make_row(number, sex=sexes[number % 3], label=labels[number % 2], age=None if number % 4 == 0 else 20.0 + number)
        for number in range(24)
    ]
    rows.append(make_row(100, black=0.97, excluded="quarantine:black", split="test"))
    rows.append(make_row(101, kind="clip", path=None))
    return rows


def test_numbers_counted_by_hand(tmp_path: Path) -> None:
    seen = words(written(tmp_path, some_rows()))
    # 24 used and one in quarantine; the clip is no image
    assert "Images 25 Patients 25 Used by no split 1 Leaks across splits 0" in seen
    assert "normal 12 50%" in seen
    assert "all images 24 0 0 0 1" in seen
    assert "known of 18 in 24 images" in seen
    # sexes of numbers 0, 3, 6, ...: 8 each, half of them even (normal): 4 of 12
    assert "F 8 4 33% 4 33% M 8 4 33% 4 33% unknown 8 4 33% 4 33%" in seen
    assert "quarantine:black : 1" in seen
    assert "at most 0.95: 1 beyond" in seen
    assert "sex 8 33%" in seen
    assert "age 6 25%" in seen
    assert "No image, patient or group was found in two splits." in seen
    assert "No two images have the same pixels." in seen


def test_it_says_synthetic_of_what_is(tmp_path: Path) -> None:
    assert "SYNTHETIC Drawn by a computer" in words(written(tmp_path, some_rows()))
    real = PHANTOM.model_copy(update={"synthetic": False, "title": "Something"})
    assert "SYNTHETIC" not in words(written(tmp_path, some_rows(), real))


def test_it_asks_no_network(tmp_path: Path) -> None:
    page = written(tmp_path, some_rows())
    table = re.search(r'<iframe sandbox="allow-scripts" title="[^"]*" srcdoc="(.*?)">', page, re.DOTALL)
    assert table is not None
    for text in (page.replace(table[1], ""), html.unescape(table[1])):
        for address in re.findall(r"""(?:src|href|srcset|action|data|poster)\s*=\s*["']?([^"'\s>]+)""", text):
            assert address.startswith(("#", "data:")), address
        assert not re.search(r"@import|url\(\s*['\"]?(?!#|data:)|fetch\(|XMLHttpRequest|WebSocket|import\(", text)
    assert "default-src 'none'" in page


def test_digests_and_pseudonyms_are_not_in_the_table(tmp_path: Path) -> None:
    rows = some_rows()
    table = html.unescape(re.findall(r'srcdoc="(.*?)">', written(tmp_path, rows), re.DOTALL)[0])
    assert "sharpness" in table
    for name in ("sha256", "dhash", rows[0].patient, rows[0].id, rows[0].sha256):
        assert name not in table, name


def test_leaks_and_equal_images_are_shown(tmp_path: Path) -> None:
    rows = [make_row(0), make_row(1, split="test"), make_row(2, pixels="same"), make_row(3, pixels="same", label="opacity")]
    leaks = tuple({"kind": "near_duplicate", "splits": ["train", "test"], "rows": [rows[0].id, rows[1].id]} for _ in range(23))
    page = written(tmp_path, rows, leaks=leaks)
    seen = words(page)
    assert "near duplicate train, test 23 46" in seen
    assert "The first 20 of 23" in seen
    assert "2 images in 1 sets have the same pixels as another; in 1 the labels contradict each other" in seen
    assert page.count("<strong>near duplicate</strong>") == 20


def test_findings_and_clinical_values(tmp_path: Path) -> None:
    names = THORAX.labels.words[:-1]
    use_case = THORAX.model_copy(
        update={
            "clinical": {
                "temperature": Clinical(column="t", unit="Cel"),
                "smoker": Clinical(column="s", words={"y": "yes", "n": "no"}),
            }
        }
    )
    rows = [
        make_row(
            number,
            label=None,
            findings={name: float(name in ("Edema", "Mass")[: number % 3]) for name in names},
            clinical={"temperature": 36.5 + number if number else None, "smoker": ("yes", None)[number % 2]},
        )
        for number in range(6)
    ]
    seen = words(written(tmp_path, rows, use_case))
    # numbers 1, 2, 4, 5 show an edema, 2 and 5 also a mass, 0 and 3 nothing
    assert "Edema 0 0 0 4 0 0 0 0 0 2" in seen
    assert "temperature Cel known of 5 in 6" in seen
    assert "smoker known of 3 in 6" in seen
    assert "No Finding 2 33%" in seen


def test_words_of_the_data_are_escaped(tmp_path: Path) -> None:
    page = written(tmp_path, [make_row(0, site="<script>alert(1)</script>"), make_row(1, site="A")])
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize("rows", [[], [make_row(0, excluded="leak")], [make_row(0)]])
def test_hardly_any_data_are_no_error(tmp_path: Path, rows: list[Row]) -> None:
    assert f"Images {len(rows)} " in words(written(tmp_path, rows))
    written(tmp_path, [], THORAX)


def test_ten_thousand_rows_take_seconds(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    rows = [
        make_row(
            number,
            age=float(generator.integers(18, 90)),
            label=("normal", "opacity")[number % 2],
            black=float(generator.random()),
        )
        for number in range(10_000)
    ]
    picture = make_thumbnail(1)
    start = time.process_time()
    path = write_exploration(
        PHANTOM, "9f3c.dir", frame_of(rows, PHANTOM), {row.id: picture for row in rows}, [], tmp_path / "page.html"
    )
    assert time.process_time() - start < 10
    assert path.stat().st_size < 4_000_000
