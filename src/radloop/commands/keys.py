"""Commands for keys: reviewers' (new, add, list, revoke, restore), and with `api` those that ask the service."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import click

from radloop.commands.console import answering, json_option
from radloop.commands.signing import passphrase
from radloop.inference.api_keys import ApiKey
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
    """Reviewers' keys, and under `api` those of programs. Once one is listed, every decision has to be signed.

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


@keys.group()
def api() -> None:
    """API keys. Once one is made, the service answers nobody without one.

    Example:  radloop keys api new viewer --use-case tb-cxr
    """


@api.command("new")
@click.argument("name")
@click.option("--use-case", "use_cases", multiple=True, metavar="UC", help="Which it may ask; may be repeated; without it, all.")
@click.option("--site", metavar="NAME", help="Where its images come from; the record of answers keeps it.")
@click.option("--rate", type=click.IntRange(min=1), help="Requests a minute; without it RADLOOP_RATE_LIMIT.")
@json_option
@answering
def new_api(
    name: str, use_cases: tuple[str, ...], site: str | None, rate: int | None, settings: Settings
) -> tuple[dict[str, Any], str]:
    """Make an API key for a program or a place, never for a patient. It is shown once; its keyed hash is kept.

    Example:  radloop keys api new viewer --use-case tb-cxr --site north --rate 600
    """
    from radloop.configuration import load_use_case
    from radloop.inference.api_keys import issue

    for use_case in use_cases:
        load_use_case(use_case, settings)
    made, key = issue(name, settings, use_cases or None, site, rate)
    return {**_public(made), "key": key}, f"{key}\n{_api_line(made)}\nit is shown once: send it as Authorization: Bearer KEY"


@api.command("list")
@json_option
@answering
def list_api(settings: Settings) -> tuple[dict[str, Any], str]:
    """List the API keys, without what is secret of them."""
    from radloop.inference.api_keys import read_keys

    listed = read_keys(settings)
    known = listed.keys if listed else ()
    text = "\n".join(_api_line(one) for one in known) or "there is no API key: the service answers on loopback only"
    return {"on": listed is not None, "keys": [_public(one) for one in known]}, text


@api.command("revoke")
@click.argument("name")
@json_option
@answering
def revoke_api(name: str, settings: Settings) -> tuple[dict[str, Any], str]:
    """Revoke an API key; a running service refuses it from its next request on.

    Example:  radloop keys api revoke viewer
    """
    from radloop.inference.api_keys import revoke as take_back

    gone = take_back(name, settings)
    return _public(gone), _api_line(gone)


def _public(one: ApiKey) -> dict[str, Any]:
    return one.model_dump(mode="json", exclude={"hash"})


def _api_line(one: ApiKey) -> str:
    asks = "every use case" if one.use_cases is None else ", ".join(one.use_cases)
    parts = [f"{one.name} ({one.id}): {asks}"]
    parts += [f"site {one.site}"] if one.site else []
    parts += [f"{one.rate} requests a minute"] if one.rate else []
    return ", ".join([*parts, f"made {one.made}", *([f"revoked {one.revoked}"] if one.revoked else [])])


def _listing(listed: Reviewers | None) -> tuple[dict[str, Any], str]:
    reviewers = listed.reviewers if listed is not None else ()
    text = "\n".join(_line(one) for one in reviewers) or "no key is listed: names are not verified; `radloop keys new NAME`"
    return {"on": listed is not None, "reviewers": [one.model_dump(mode="json") for one in reviewers]}, text


def _line(one: Reviewer) -> str:
    until = f", revoked {one.revoked}" if one.revoked else ""
    return f"{one.name} ({one.role}, account {one.account or 'none'}): {one.key[:19]}, listed {one.listed}{until}"
