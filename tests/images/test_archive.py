"""Zips: what is taken out of them, and what is refused."""

from __future__ import annotations

import io
import zipfile

import pytest

from radloop.errors import Refusal
from radloop.images.archive import is_archive, read_archive


def packed(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def test_the_files_in_order_without_what_programs_add() -> None:
    content = packed(("a/", b""), ("a/2.png", b"two"), ("__MACOSX/a/._2.png", b"x"), ("a/1.png", b"one"), ("DICOMDIR", b"d"))
    assert is_archive(content) and not is_archive(b"\x89PNG")
    assert list(read_archive(content, most=2, largest=3)) == [b"two", b"one"]
    assert list(read_archive(packed(), most=2, largest=3)) == [] and is_archive(packed())


LINK = zipfile.ZipInfo("link")
LINK.external_attr = 0xA1FF << 16


def linked() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(LINK, b"/etc/passwd")
    return stream.getvalue()


def lying() -> bytes:
    """Return a zip whose directory says of a million zeros that they are ten."""
    content = packed(("a", bytes(1_000_000)))
    return content.replace((1_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (packed(("../a", b"x")), "unsafe_archive"),
        (packed(("/etc/a", b"x")), "unsafe_archive"),
        (packed(("..\\a", b"x")), "unsafe_archive"),
        (packed(("C:\\a", b"x")), "unsafe_archive"),
        (linked(), "unsafe_archive"),
        (packed(("a.zip", packed(("b", b"x")))), "unsafe_archive"),
        (packed(("a", b"x"), method=zipfile.ZIP_BZIP2), "unsafe_archive"),
        (packed(*((str(k), b"x") for k in range(6))), "too_many_images"),
        (packed(("a", bytes(100_001)), method=zipfile.ZIP_STORED), "upload_too_large"),
        (packed(*((str(k), bytes(100_000)) for k in range(5))), "archive_bomb"),
        (lying(), "unreadable_archive"),
        (packed(("a", b"x" * 100))[:-30], "unreadable_archive"),
        (b"PK\x03\x04" + b"\0" * 50, "unreadable_archive"),
    ],
)
def test_refusals(content: bytes, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        list(read_archive(content, most=5, largest=100_000))
    assert caught.value.code == code
    assert caught.value.hint
