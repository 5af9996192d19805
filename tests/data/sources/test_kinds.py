"""Which kind of source a path is, and what is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from radloop.data.sources import SourceRow, read_bytes, read_source, read_table_only
from radloop.errors import InputError, Refusal
from radloop.use_case import UseCase

MakeUseCase = Callable[..., UseCase]


def test_missing_and_empty_sources(tmp_path: Path, make_use_case: MakeUseCase) -> None:
    use_case = make_use_case()
    with pytest.raises(InputError, match="does not exist"):
        read_source(tmp_path / "nowhere", use_case)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no images"):
        read_source(tmp_path / "empty", use_case)
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "manifest.csv").write_text("path,label\n")
    with pytest.raises(InputError, match="holds no images"):
        read_source(tmp_path / "rows", use_case)


def test_no_message_names_the_path(tmp_path: Path, make_use_case: MakeUseCase) -> None:
    folder = tmp_path / "Doe Jane"
    folder.mkdir()
    (folder / "Doe.txt").write_text("x")
    (folder / "Doe.csv").write_text("path,label\n../x,normal\n")
    for path in (folder, folder / "gone", folder / "Doe.txt", folder / "Doe.csv"):
        with pytest.raises(InputError) as caught:
            read_source(path, make_use_case())
        assert "Doe" not in caught.value.message


def test_a_file_of_another_kind(tmp_path: Path, make_use_case: MakeUseCase) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError) as caught:
        read_source(tmp_path / "a.txt", make_use_case())
    assert caught.value.code == "source_kind"


def test_the_table_alone_needs_a_table(tmp_path: Path, make_use_case: MakeUseCase) -> None:
    for path in (tmp_path, tmp_path / "nowhere.csv"):
        with pytest.raises(InputError) as caught:
            read_table_only(path, make_use_case())
        assert caught.value.code == "source_missing"


def test_the_bytes_of_a_row(tmp_path: Path) -> None:
    row = SourceRow(tmp_path / "a.png", "a.png", "normal", "1")
    with pytest.raises(Refusal) as caught:
        read_bytes(row)
    assert caught.value.code == "unreadable_image"
    assert str(tmp_path) not in caught.value.message
    row.path.write_bytes(b"\x00\x01")
    assert read_bytes(row) == b"\x00\x01"
