"""The task `validate`."""

from __future__ import annotations

from typing import Any

from prefect import task

from radloop.flows.step import OPTIONS, Ticket, run


@task(name="validate", **OPTIONS)
def validate(ticket: Ticket) -> dict[str, Any]:
    """Judge the data version with Great Expectations."""
    return run("validate", ticket)
