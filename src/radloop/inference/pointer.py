"""The pointers: one small file a use case that says which bundle answers, another that says which answers beside it.

Each is replaced atomically; the running service follows it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError

from radloop.errors import InputError, IntegrityError
from radloop.inference.bundle import DIGEST_PATTERN, bundle_folder
from radloop.records.seal import canonical, write_atomic
from radloop.use_case import USE_CASE_PATTERN, Section

CURRENT = "current"


class Pointer(Section):
    """What is served. The patterns keep it inside the folder of bundles."""

    use_case: str = Field(pattern=USE_CASE_PATTERN)
    bundle: str = Field(pattern=DIGEST_PATTERN)
    version: int = Field(ge=1)

    def folder(self, bundles: Path) -> Path:
        """Return the folder of the bundle that is pointed at."""
        return bundle_folder(bundles, self.use_case, self.bundle)


P = TypeVar("P", bound=Pointer)


def pointer_path(bundles: Path, use_case: str, name: str = CURRENT) -> Path:
    """Return the file of a use case's pointer.

    Raises:
        InputError: `unknown_use_case`: not a name that a use case can have.
    """
    if not re.fullmatch(USE_CASE_PATTERN, use_case):
        raise InputError(
            "unknown_use_case", "a use case's name has small letters, digits and hyphens only", "radloop use-cases lists them"
        )
    return bundles / use_case / name


def read_pointer(bundles: Path, use_case: str) -> Pointer | None:
    """Return what is served, None where nothing is.

    Raises:
        IntegrityError: `invalid_pointer`.
    """
    return read_named(bundles, use_case, CURRENT, Pointer, f"deploy again: radloop deploy {use_case}")


def read_named(bundles: Path, use_case: str, name: str, kind: type[P], remedy: str) -> P | None:
    """Return what a pointer's file says, None where there is none.

    Raises:
        IntegrityError: `invalid_pointer`; the remedy says what to do.
    """
    try:
        content = pointer_path(bundles, use_case, name).read_bytes()
    except FileNotFoundError:
        return None
    try:
        pointer = kind.model_validate_json(content)
    except ValidationError:
        pointer = None
    if pointer is None or pointer.use_case != use_case:
        raise IntegrityError("invalid_pointer", f"pointer: {use_case}/{name} does not name a bundle", remedy)
    return pointer


def replace_pointer(bundles: Path, pointer: Pointer, name: str = CURRENT) -> None:
    """Point at another bundle; a reader sees the old pointer or the new one."""
    write_atomic(pointer_path(bundles, pointer.use_case, name), canonical(pointer.model_dump(mode="json")))


def remove_pointer(bundles: Path, use_case: str, name: str = CURRENT) -> None:
    """Point at nothing for a use case: what a failed first deployment goes back to."""
    pointer_path(bundles, use_case, name).unlink(missing_ok=True)


def served_use_cases(bundles: Path) -> tuple[str, ...]:
    """Return the use cases that have a pointer, sorted."""
    found = (path.parent.name for path in bundles.glob(f"*/{CURRENT}") if path.is_file())
    return tuple(sorted(name for name in found if re.fullmatch(USE_CASE_PATTERN, name)))
