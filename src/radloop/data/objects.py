"""The objects behind data versions: read one by its md5, from DVC's cache or else from its remote.

A data version is the md5 of a listing, a JSON array of {"md5", "relpath"} sorted by relpath, which
lies among the other objects as `MD5.dir`. This is the layout of DVC's own object store (`files/md5`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from hashlib import file_digest as hash_of_file
from hashlib import md5
from io import BytesIO
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from radloop.data.manifest import FILE_NAME
from radloop.data.remote import Remote
from radloop.errors import IntegrityError
from radloop.records.seal import write_atomic
from radloop.settings import Settings

_NAME = re.compile(r"files/md5/([0-9a-f]{2})/([0-9a-f]{30}(?:\.dir)?)")


def digest(content: bytes) -> str:
    """Return the md5 that names an object; a name, not a protection."""
    return md5(content, usedforsecurity=False).hexdigest()


def object_name(identifier: str) -> str:
    """Return where an object lies within cache and remote."""
    return f"files/md5/{identifier[:2]}/{identifier[2:]}"


def listing_bytes(listing: Mapping[str, str]) -> bytes:
    """Return a listing as DVC writes it, byte for byte: its md5 is the data version.

    Args:
        listing: the md5 of every file by its path in the data folder.
    """
    entries = [{"md5": listing[path], "relpath": path} for path in sorted(listing)]
    return json.dumps(entries, sort_keys=True).encode()


class Objects:
    """DVC's cache and remote of an installation; the remote is asked only for what the cache lacks."""

    def __init__(self, settings: Settings) -> None:
        self._cache = settings.place / "dvc" / "cache"
        self._settings = settings

    @cached_property
    def _remote(self) -> Remote:
        return Remote(self._settings)

    def read(self, identifier: str) -> bytes:
        """Return an object's bytes, checked against its name.

        Raises:
            IntegrityError: `missing_object` or `tampered_object`.
            ToolError: the remote failed.
        """
        path = self._cache / object_name(identifier)
        content = path.read_bytes() if path.is_file() else self._remote.read(object_name(identifier))
        if content is None:
            raise IntegrityError(
                "missing_object",
                f"data: object {identifier[:12]} is neither in the cache nor in the remote",
                "point RADLOOP_DVC_REMOTE at the remote that the version was pushed to",
            )
        if digest(content) != identifier.removesuffix(".dir"):
            raise IntegrityError(
                "tampered_object", f"data: object {identifier[:12]} is not what its name says", "restore it from a backup"
            )
        return content

    def listing(self, version: str) -> dict[str, str]:
        """Return the md5 of every file of a data version by its path."""
        return {str(entry["relpath"]): str(entry["md5"]) for entry in json.loads(self.read(version))}

    def manifest(self, version: str) -> pd.DataFrame:
        """Return a version's manifest without any other of its files.

        Raises:
            IntegrityError: the version has none, or it cannot be read.
        """
        identifier = self.listing(version).get(FILE_NAME)
        if identifier is None:
            raise IntegrityError("missing_manifest", f"data version {version[:12]} has no manifest", "name another version")
        try:
            frame: pd.DataFrame = pq.read_table(BytesIO(self.read(identifier))).to_pandas()
        except pa.ArrowException as error:
            raise IntegrityError(
                "tampered_manifest", f"the manifest of data version {version[:12]} cannot be read", "name another version"
            ) from error
        return frame

    def versions(self) -> set[str]:
        """Return every data version whose listing is in the cache or in the remote."""
        names = {path.relative_to(self._cache).as_posix() for path in self._cache.glob("files/md5/??/*.dir")}
        names |= self._remote.names()
        return {found[1] + found[2] for name in names if (found := _NAME.fullmatch(name)) and name.endswith(".dir")}

    def data_versions(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield every version that has a manifest with its listing; other folders of a pipeline have none."""
        for version in sorted(self.versions()):
            listing = self.listing(version)
            if FILE_NAME in listing:
                yield version, listing

    def write(self, content: bytes, suffix: str = "") -> str:
        """Put an object into cache and remote and return its identifier."""
        identifier = digest(content) + suffix
        path = self._cache / object_name(identifier)
        if not path.is_file():
            write_atomic(path, content)
            path.chmod(0o444)  # as DVC keeps its cache
        self._remote.write(object_name(identifier), content)
        return identifier

    def remove(self, identifiers: Iterable[str]) -> tuple[int, int]:
        """Delete objects from the remote and then from the cache.

        Returns:
            how many there were in the (cache, remote).
        """
        names = [object_name(identifier) for identifier in identifiers]
        remote = self._remote.remove(names)
        present = [self._cache / name for name in names if (self._cache / name).is_file()]
        # DVC 2 kept its objects one level higher, and DVC 3 still reads and sometimes writes there.
        for path in [*present, *(self._cache / name.removeprefix("files/md5/") for name in names)]:
            path.unlink(missing_ok=True)
        return len(present), remote


def file_digest(path: Path) -> str:
    """Return the md5 of a file, read in blocks."""
    with path.open("rb") as stream:
        return hash_of_file(stream, lambda: md5(usedforsecurity=False)).hexdigest()


def folder_listing(folder: Path) -> dict[str, str]:
    """Return the listing of a folder as it stands."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in files}
