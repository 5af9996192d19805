"""Canonical JSON, digests, and documents that carry their own seal.

The canonical form follows RFC 8785 in what matters here: sorted keys, no white space, UTF-8, shortest
numbers as Python writes them, no NaN. A sealed document has a member `seal`, the digest of the
canonical form of everything else; its file holds exactly the canonical bytes, so that any changed
byte, white space included, is found.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radloop.errors import IntegrityError

SEAL = "seal"


def canonical(document: Any) -> bytes:
    """Return the canonical JSON bytes of a document, ending in a newline.

    Raises:
        ValueError: the document holds a NaN or an infinity; unknown is null.
    """
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def digest_bytes(content: bytes) -> str:
    """Return `sha256:` and the hexadecimal digest of some bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def digest_document(document: Any) -> str:
    """Return the digest of a document's canonical form."""
    return digest_bytes(canonical(document))


def digest_file(path: Path) -> str:
    """Return the digest of a file, read in blocks."""
    with path.open("rb") as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()


def digest_files(folder: Path) -> dict[str, str]:
    """Return the digest of every file below a folder, by relative path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): digest_file(path) for path in files}


def digest_folder(folder: Path) -> str:
    """Return one digest over the relative paths and contents of all files below a folder."""
    return digest_document(digest_files(folder))


def seal(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with its seal."""
    body = {key: value for key, value in document.items() if key != SEAL}
    return body | {SEAL: digest_document(body)}


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash, sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)


def write_sealed(path: Path, document: Mapping[str, Any]) -> dict[str, Any]:
    """Seal a document, write it atomically and return it with its seal."""
    sealed = seal(document)
    write_atomic(path, canonical(sealed))
    return sealed


def read_sealed(path: Path, what: str) -> dict[str, Any]:
    """Read a sealed document and check every byte of it.

    Args:
        path: the file.
        what: the word for it in an error, such as `evidence`.

    Raises:
        IntegrityError: the file is missing (`missing_WHAT`) or was edited (`tampered_WHAT`).
    """
    if not path.is_file():
        raise IntegrityError(f"missing_{what}", f"{what}: {path.name} is missing", f"restore the {what} beside its bundle")
    content = path.read_bytes()
    try:
        document = json.loads(content)
        intact = isinstance(document, dict) and canonical(seal(document)) == content
    except (ValueError, RecursionError):
        intact = False
    if not intact:
        raise IntegrityError(
            f"tampered_{what}",
            f"{what}: {path.name} is not what was sealed",
            f"restore the {what} from the copy in MLflow, or retrain",
        )
    return dict(document)
