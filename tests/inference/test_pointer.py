"""The served pointer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from radloop.errors import InputError, IntegrityError
from radloop.inference.pointer import Pointer, pointer_path, read_pointer, remove_pointer, replace_pointer, served_use_cases

DIGEST = "sha256:" + "a" * 64


def test_written_read_and_removed(tmp_path: Path) -> None:
    assert read_pointer(tmp_path, "tb-cxr") is None
    pointer = Pointer(use_case="tb-cxr", bundle=DIGEST, version=3)
    replace_pointer(tmp_path, pointer)
    assert read_pointer(tmp_path, "tb-cxr") == pointer
    assert pointer.folder(tmp_path) == tmp_path / "tb-cxr" / ("a" * 64)
    assert served_use_cases(tmp_path) == ("tb-cxr",)
    remove_pointer(tmp_path, "tb-cxr")
    remove_pointer(tmp_path, "tb-cxr")
    assert served_use_cases(tmp_path) == ()


def test_replacing_is_one_rename(tmp_path: Path) -> None:
    replace_pointer(tmp_path, Pointer(use_case="tb-cxr", bundle=DIGEST, version=1))
    before = pointer_path(tmp_path, "tb-cxr").stat().st_ino
    replace_pointer(tmp_path, Pointer(use_case="tb-cxr", bundle=DIGEST, version=2))
    assert pointer_path(tmp_path, "tb-cxr").stat().st_ino != before
    assert [path.name for path in (tmp_path / "tb-cxr").iterdir()] == ["current"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        json.dumps({"use_case": "tb-cxr", "bundle": "sha256:../../../etc", "version": 1}).encode(),
        json.dumps({"use_case": "stroke-ct", "bundle": DIGEST, "version": 1}).encode(),
        json.dumps({"use_case": "tb-cxr", "bundle": DIGEST, "version": "1"}).encode(),
        json.dumps({"use_case": "tb-cxr", "bundle": DIGEST, "version": 1, "path": "/"}).encode(),
    ],
)
def test_other_content_is_refused(tmp_path: Path, content: bytes) -> None:
    path = pointer_path(tmp_path, "tb-cxr")
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(IntegrityError) as caught:
        read_pointer(tmp_path, "tb-cxr")
    assert caught.value.code == "invalid_pointer"


@pytest.mark.parametrize("name", ["../tb-cxr", "", "tb_cxr", "TB", "a/b"])
def test_names_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        read_pointer(tmp_path, name)


def test_only_names_of_use_cases_are_served(tmp_path: Path) -> None:
    for name in ("tb-cxr", ".staging", "phantom-cxr"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "current").write_bytes(b"")
    assert served_use_cases(tmp_path) == ("phantom-cxr", "tb-cxr")
    assert served_use_cases(tmp_path / "absent") == ()
