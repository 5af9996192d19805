"""The task `search`."""

from __future__ import annotations

from typing import Any

from prefect import task

from radloop.flows.step import OPTIONS, Ticket, run


@task(name="search", **OPTIONS)
def search(ticket: Ticket) -> dict[str, Any]:
    """Search with Optuna and train with Lightning."""
    return run("search", ticket)
