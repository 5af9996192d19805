"""The files of a zip, one in memory at a time; nothing of it is ever written to a disk."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath

from radloop.errors import Refusal

ZIP = b"PK\x03\x04"
_EMPTY = b"PK\x05\x06"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_CHAFF = ("__MACOSX", ".DS_Store", "Thumbs.db", "DICOMDIR")
"""What programs add to an archive that is no image."""
_EXPANSION = 200
"""Times its packed size that an archive may take unpacked; images that deflate well, such as masks, stay below it."""
_HINT = "send the images of one folder, packed once without a password"


def is_archive(head: bytes) -> bool:
    """Say whether a file that starts with these bytes is a zip."""
    return head.startswith((ZIP, _EMPTY))


def read_archive(content: bytes, most: int, largest: int) -> Iterator[bytes]:
    """Yield the files of a zip in its order; names are looked at and never used.

    Args:
        content: of the zip.
        most: how many files there may be.
        largest: bytes that one may have.

    Raises:
        Refusal: `unreadable_archive`, `unsafe_archive` (paths, links, a password, an archive within), `archive_bomb` or
            `too_many_images`, before the first file or at the file where it is found.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = _checked(archive, len(content), most, largest)
            for member in members:
                yield _read(archive, member, largest)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise Refusal("unreadable_archive", f"the zip cannot be read ({type(error).__name__})", _HINT) from None


def _checked(archive: zipfile.ZipFile, packed: int, most: int, largest: int) -> list[zipfile.ZipInfo]:
    members = [member for member in archive.infolist() if not member.is_dir() and not _is_chaff(member.filename)]
    if len(members) > most:
        raise Refusal("too_many_images", f"the zip holds {len(members)} files, more than {most}", "send them in parts")
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or "\0" in member.orig_filename:
            raise Refusal("unsafe_archive", "a name in the zip leads out of it", _HINT)
        if member.flag_bits & 1 or member.compress_type not in _METHODS or (member.external_attr >> 28) == 0xA:
            raise Refusal("unsafe_archive", "the zip has a password, a link or a packing other than deflate", _HINT)
    if sum(member.file_size for member in members) > max(_EXPANSION * packed, largest):
        raise _bomb()
    return members


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, largest: int) -> bytes:
    """Return one file; what the zip says of its size is not believed."""
    if member.file_size > largest:
        raise Refusal("upload_too_large", f"a file in the zip has more than {largest / 1e6:g} MB", "send a smaller file")
    with archive.open(member) as stream:
        found = stream.read(largest + 1)
    if len(found) > largest:
        raise _bomb()
    if is_archive(found[:4]):
        raise Refusal("unsafe_archive", "the zip holds another archive", _HINT)
    return found


def _is_chaff(name: str) -> bool:
    return any(part in _CHAFF for part in PurePosixPath(name).parts)


def _bomb() -> Refusal:
    return Refusal("archive_bomb", "the zip unpacks to far more than it is", _HINT)
