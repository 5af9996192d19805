"""Commands for reviewers' keys: new, add, list, revoke, restore."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import click

from radloop.commands.console import answering, json_option
from radloop.commands.signing import passphrase
from radloop.inference.reviewers import Reviewer, Reviewers, Role
from radloop.settings import Settings

_role = click.option(
    "--role", type=click.Choice(get_args(Role)), default="reviewer", show_default=True, help="What the key may sign."
)
_account = click.option(
    "--account", metavar="NAME", help="Under which the person starts runs; default yours. They cannot approve their own runs."
)
_rotate = click.option("--rotate", is_flag=True, help="Revoke the person's present key.")


@click.group()
def keys() -> None:
    """Reviewers' keys. Once one is listed, every decision has to be signed.

    Example:  radloop keys new 'Dr. A. Reader'
    """


@keys.command()
@click.argument("name")
@_role
@_account
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="The private file; default NAME.key in your settings folder."
)
@_rotate
@json_option
@answering
def new(
    name: str, role: Role, account: str | None, out: Path | None, rotate: bool, settings: Settings
) -> tuple[dict[str, Any], str]:
    """Make a key: the public half is listed, the private half goes into a file that the person keeps.

    Example:  radloop keys new 'Dr. A. Reader' --out ~/reader.key
    """
    from radloop.governance.key_file import make_key, write_key
    from radloop.governance.keys import check_new, list_key

    check_new(name, rotate, settings)
    path = out or Path(click.get_app_dir("radloop")) / f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-') or 'reviewer'}.key"
    key = make_key(name, passphrase(new=True))
    write_key(path, key)
    reviewer = list_key(name, key.public, role, account or settings.user, settings, rotate)
    text = f"{name} signs with {path} from now on; keep it and its passphrase to yourself, there is no other copy"
    return {**reviewer.model_dump(mode="json"), "file": str(path)}, text


@keys.command()
@click.argument("name")
@click.argument("public", metavar="HEX")
@_role
@_account
@_rotate
@json_option
@answering
def add(name: str, public: str, role: Role, account: str | None, rotate: bool, settings: Settings) -> tuple[dict[str, Any], str]:
    """List a public key that was made elsewhere: `public` in the person's key file, 64 hexadecimal digits.

    Example:  radloop keys add 'Dr. A. Reader' 3b6a27bc... --account areader
    """
    from radloop.errors import InputError
    from radloop.governance.keys import list_key

    if not re.fullmatch(r"[0-9a-f]{64}", public):
        raise InputError("invalid_key", "a public key has 64 hexadecimal digits", "copy `public` from the person's key file")
    reviewer = list_key(name, public, role, account or settings.user, settings, rotate)
    return reviewer.model_dump(mode="json"), _line(reviewer)


@keys.command("list")
@json_option
@answering
def list_keys(settings: Settings) -> tuple[dict[str, Any], str]:
    """List the reviewers' keys, checked against the record of decisions."""
    from radloop.governance.decisions import checked_reviewers

    return _listing(checked_reviewers(settings))


@keys.command()
@click.argument("name")
@json_option
@answering
def revoke(name: str, settings: Settings) -> tuple[dict[str, Any], str]:
    """Revoke a person's key; what it signed before stays valid.

    Example:  radloop keys revoke 'Dr. A. Reader'
    """
    from radloop.governance.keys import revoke_key

    reviewer = revoke_key(name, settings)
    return reviewer.model_dump(mode="json"), _line(reviewer)


@keys.command()
@json_option
@answering
def restore(settings: Settings) -> tuple[dict[str, Any], str]:
    """Write the key list anew from the record of decisions, which is verified first."""
    from radloop.governance.keys import restore_list

    return _listing(restore_list(settings))


def _listing(listed: Reviewers | None) -> tuple[dict[str, Any], str]:
    reviewers = listed.reviewers if listed is not None else ()
    text = "\n".join(_line(one) for one in reviewers) or "no key is listed: names are not verified; `radloop keys new NAME`"
    return {"on": listed is not None, "reviewers": [one.model_dump(mode="json") for one in reviewers]}, text


def _line(one: Reviewer) -> str:
    until = f", revoked {one.revoked}" if one.revoked else ""
    return f"{one.name} ({one.role}, account {one.account or 'none'}): {one.key[:19]}, listed {one.listed}{until}"
