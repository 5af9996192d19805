"""The task `evaluate`."""

from __future__ import annotations

from typing import Any

from prefect import task

from radloop.flows.step import OPTIONS, Ticket, run


@task(name="evaluate", **OPTIONS)
def evaluate(ticket: Ticket) -> dict[str, Any]:
    """Judge the bundle on `test` and seal the evidence."""
    return run("evaluate", ticket)
