"""Blocks: groups made of consecutive file numbers, where a source names neither patients nor groups."""

from __future__ import annotations

import re
from collections.abc import Callable

from radloop.errors import InputError
from radloop.use_case import Blocks


def block_finder(blocks: Blocks) -> Callable[[str], str | None]:
    """Return a function from a file's path to its block, None where the pattern finds none.

    Blocks are cut at fixed numbers, so that a file stays in its block when others are added. Where the pattern
    ignores case, so does the name of the series.

    Raises:
        InputError: the pattern is not a regular expression with a group.
    """
    try:
        pattern = re.compile(blocks.pattern)
    except re.error as error:
        raise _bad_pattern() from error
    if not pattern.groups:
        raise _bad_pattern()

    def find(path: str) -> str | None:
        match = pattern.search(path)
        if match is None or not (match.group(pattern.groups) or "").isdecimal():
            return None
        *series, number = match.groups()
        name = "/".join(part or "" for part in (*series, ""))
        return f"{name.casefold() if pattern.flags & re.IGNORECASE else name}block {int(number) // blocks.size}"

    return find


def _bad_pattern() -> InputError:
    return InputError(
        "block_pattern",
        "source.blocks.pattern is no regular expression with a group for the slice's number",
        r"example: (\w+)-(\d+)\.png$",
    )
