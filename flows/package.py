"""The task `package`."""

from __future__ import annotations

from typing import Any

from prefect import task

from radloop.flows.step import OPTIONS, Ticket, run


@task(name="package", **OPTIONS)
def package(ticket: Ticket) -> dict[str, Any]:
    """Export the best trial and seal the bundle."""
    return run("package", ticket)
