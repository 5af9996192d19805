"""What is dropped does not stay on the disk."""

from __future__ import annotations

import stat
import time
from pathlib import Path

import pytest

from radloop.serving.reading.uploads import Uploads


@pytest.fixture
def uploads() -> Uploads:
    return Uploads(10)


def dropped(uploads: Uploads, content: bytes, name: str = "a.dcm") -> Path:
    folder = uploads.folder / f"hash-{name}"
    folder.mkdir()
    (folder / name).write_bytes(content)
    return folder / name


def test_a_file_is_gone_once_it_is_taken(uploads: Uploads) -> None:
    path = dropped(uploads, b"pixels")
    assert stat.S_IMODE(uploads.folder.stat().st_mode) == 0o700
    assert uploads.take(path) == b"pixels"
    assert list(uploads.folder.iterdir()) == []
    with pytest.raises(OSError, match="No such file"):
        uploads.take(path)
    uploads.close()
    assert not uploads.folder.exists()


def test_only_what_was_dropped_is_taken(uploads: Uploads, tmp_path: Path) -> None:
    other = tmp_path / "secret"
    other.write_bytes(b"s")
    link = uploads.folder / "link"
    link.symlink_to(other)
    for path in (other, link, uploads.folder / ".." / "x"):
        with pytest.raises(ValueError, match="not a file"):
            uploads.take(path)
    assert other.read_bytes() == b"s"
    uploads.close()


def test_what_nobody_asks_about_is_removed_and_room_is_counted(uploads: Uploads) -> None:
    dropped(uploads, b"1234567890")
    (uploads.folder / "part").write_bytes(b"1")  # eleven bytes of ten
    assert not uploads.has_room()
    assert uploads.has_room(time.time() + 61)
    assert list(uploads.folder.iterdir()) == []
    uploads.close()


def test_what_a_killed_service_left_is_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left, ours = tmp_path / "radloop-read-999999999-x", tmp_path / "radloop-read-1-x"
    left.mkdir()
    (left / "a.dcm").write_bytes(b"pixels")
    ours.mkdir()  # process 1 lives
    Uploads(10).close()
    assert not left.exists() and ours.exists()
