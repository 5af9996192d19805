"""What every command that decides shares: who, why, and the key that stands for the name."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radloop.errors import InputError

if TYPE_CHECKING:
    from radloop.governance.key_file import OpenKey

PASSPHRASE = "RADLOOP_PASSPHRASE"  # noqa: S105 - the variable's name

by_option = click.option("--by", default="", metavar="NAME", help="Who decides: a person. With --key it may be left out.")
note_option = click.option("--note", required=True, metavar="TEXT", help="Why; it is kept with the decision.")
key_option = click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"The key that signs; its passphrase is asked for, or {PASSPHRASE}.",
)


def opened(path: Path | None) -> OpenKey | None:
    """Return the key in a file, its passphrase asked for.

    Raises:
        InputError: there is no such file, or it is no key.
        Refusal: the passphrase is wrong.
    """
    if path is None:
        return None
    if not path.is_file():
        raise InputError("missing_file", f"no such key: {path.name}", "give the file that `radloop keys new` wrote")
    from radloop.governance.key_file import open_key

    return open_key(path.read_bytes(), passphrase())


def passphrase(new: bool = False) -> str:
    """Return the passphrase of the environment, or ask for one; a new one twice.

    Raises:
        InputError: `passphrase_missing`: nobody can be asked.
    """
    given = os.environ.get(PASSPHRASE)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise InputError("passphrase_missing", "there is no terminal to ask for the passphrase on", f"set {PASSPHRASE}")
    return str(click.prompt("passphrase", hide_input=True, confirmation_prompt=new, err=True))
