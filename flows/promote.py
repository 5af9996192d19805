"""The task `promote`."""

from __future__ import annotations

from typing import Any

from prefect import task

from radloop.flows.step import OPTIONS, Ticket, run


@task(name="promote", **OPTIONS)
def promote(ticket: Ticket) -> dict[str, Any]:
    """Ask the gate, register the version, and make it candidate if the gate said yes."""
    return run("promote", ticket)
