"""What the service follows: the pointers of the use cases, as the file system shows that they changed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from radloop.inference.pointer import CURRENT, pointer_path, served_use_cases

Signature = tuple[int, int, int]
"""Inode, time of change in nanoseconds, and bytes of a pointer's file: a replaced one has another."""


def signatures(bundles: Path, name: str = CURRENT) -> dict[str, Signature]:
    """Return the signature of each served use case's pointer of a name; use cases without one are left out."""
    found = {}
    for use_case in served_use_cases(bundles):
        try:
            status = os.stat(pointer_path(bundles, use_case, name))  # noqa: PTH116 - four times a second: no Path object
        except FileNotFoundError:
            continue
        found[use_case] = (status.st_ino, status.st_mtime_ns, status.st_size)
    return found


def changes(before: Mapping[str, Signature], now: Mapping[str, Signature]) -> tuple[list[str], list[str]]:
    """Return the use cases whose pointer was added or replaced, and those whose pointer is gone."""
    return [name for name, one in now.items() if before.get(name) != one], [name for name in before if name not in now]
