"""Commands about a version that answers beside the champion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from radloop.commands.console import answering, json_option, say, use_case_argument
from radloop.settings import Settings

if TYPE_CHECKING:
    from radloop.governance.challenging import Beside

_version = click.argument("version", type=click.IntRange(min=1), required=False)


@click.group()
def challenger() -> None:
    """A version beside the champion, before it takes its place.

    A shadow answers what the champion answered, when nobody else asks, and nobody is shown it. A canary, which a person has
    approved, answers a share of the requests instead of the champion.
    """


@challenger.command()
@use_case_argument
@_version
@json_option
@answering
def shadow(use_case: str, version: int | None, settings: Settings) -> tuple[dict[str, Any], str]:
    """Let a version (the candidate by default) answer unseen what the champion answers; the gate must have passed it.

    Example:  radloop challenger shadow phantom-cxr
    """
    from radloop.configuration import load_use_case
    from radloop.governance.challenging import shadow as begin

    load_use_case(use_case, settings)
    return _begun(begin(use_case, settings, version))


@challenger.command()
@use_case_argument
@_version
@click.option("--share", type=float, required=True, metavar="0..1", help="Of the requests; 0.1 is one in ten.")
@json_option
@answering
def canary(use_case: str, version: int | None, share: float, settings: Settings) -> tuple[dict[str, Any], str]:
    """Let an approved version (the candidate by default) answer a share of the requests.

    Example:  radloop challenger canary phantom-cxr --share 0.1
    """
    from radloop.configuration import load_use_case
    from radloop.governance.challenging import canary as begin

    load_use_case(use_case, settings)
    return _begun(begin(use_case, settings, share, version))


@challenger.command()
@use_case_argument
@click.option("--record", is_flag=True, help="Seal it as an addendum to the challenger's evidence, for the reviewer.")
@json_option
@answering
def compare(use_case: str, record: bool, settings: Settings) -> tuple[dict[str, Any], str]:
    """Champion and challenger side by side, by the record of answers and by confirmed labels.

    Example:  radloop challenger compare phantom-cxr --record
    """
    from radloop.configuration import load_use_case
    from radloop.monitoring import challenger as comparison

    load_use_case(use_case, settings)
    if not record:
        found = comparison.compare(use_case, settings)
        return found, comparison.told(found)
    sealed = comparison.record(use_case, settings)
    found = sealed["comparison"]
    line = f"addendum {sealed['number']} to version {sealed['model_version']}: {sealed['seal']}; the verdict stays as it is"
    return found | {"addendum": sealed["seal"]}, "\n".join([comparison.told(found), line])


@challenger.command()
@use_case_argument
@json_option
@answering
def end(use_case: str, settings: Settings) -> tuple[dict[str, Any], str]:
    """Let none answer beside the champion any more. What was recorded stays; `compare --record` comes before.

    Example:  radloop challenger end phantom-cxr
    """
    from radloop.configuration import load_use_case
    from radloop.governance.challenging import end as stop

    load_use_case(use_case, settings)
    ended = stop(use_case, settings)
    return ended.model_dump(mode="json"), f"{use_case} version {ended.version} answers beside the champion no more"


def _begun(found: Beside) -> tuple[dict[str, Any], str]:
    what = "answers unseen" if found.share is None else f"answers {found.share:.0%} of the requests"
    where = (
        f"{found.workers} running workers have loaded it" if found.workers else "no service runs; start it with `radloop serve`"
    )
    if not found.workers:
        say("a challenger answers only under `radloop serve`")
    return found.as_dict(), f"{found.use_case} version {found.version} {what} beside version {found.champion}; {where}"
