"""Blocks of consecutive file numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from radloop.data.sources import read_source
from radloop.data.sources.blocks import block_finder
from radloop.errors import InputError
from radloop.use_case import Blocks, UseCase


def test_neighbouring_numbers_of_one_series_share_a_block() -> None:
    find = block_finder(Blocks(pattern=r"(Cyst|Stone)- \((\d+)\)\.jpg$", size=10))
    assert find("train/Cyst/Cyst- (40).jpg") == find("test/Cyst/Cyst- (49).jpg") == "Cyst/block 4"
    assert find("Cyst- (50).jpg") == "Cyst/block 5"
    assert find("Stone- (49).jpg") == "Stone/block 4"
    assert find("Cyst.jpg") is None
    assert block_finder(Blocks(pattern=r"(\d+)", size=3))("slice8.png") == "block 2"


def test_a_pattern_that_ignores_case_makes_one_series_of_all_spellings() -> None:
    find = block_finder(Blocks(pattern=r"(?i)(normal|stone)\W+(\d+)", size=10))
    assert find("train/STONE---1008-_jpg.rf.b8.jpg") == find("valid/Stone---1002-_JPG.rf.29.jpg") == "stone/block 100"
    assert find("train/Normal---1008-_jpg.rf.01.jpg") == "normal/block 100"


@pytest.mark.parametrize("pattern", ["(", "no group"])
def test_a_pattern_needs_a_group(pattern: str) -> None:
    with pytest.raises(InputError) as caught:
        block_finder(Blocks(pattern=pattern, size=2))
    assert caught.value.code == "block_pattern"


def test_a_file_outside_the_pattern_is_refused_by_row(tmp_path: Path, make_use_case: Callable[..., UseCase]) -> None:
    for name in ("normal/slice1.png", "normal/slice2.png", "opacity/slice3.png", "opacity/other.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (8, 8)).save(tmp_path / name)
    use_case = make_use_case(source={"blocks": {"pattern": r"slice(\d+)", "size": 2}})
    with pytest.raises(InputError, match=r"finds no number in 1 of 4 rows, first row 3"):
        read_source(tmp_path, use_case)
    (tmp_path / "opacity" / "other.png").unlink()
    assert [row.group for row in read_source(tmp_path, use_case)] == ["block 0", "block 1", "block 1"]
