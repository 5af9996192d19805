"""The task `ingest`."""

from __future__ import annotations

from pathlib import Path

from prefect import task

from radloop import stages
from radloop.flows.step import OPTIONS, Ticket
from radloop.settings import Settings


@task(name="ingest", **OPTIONS)
def ingest(use_case: str, source: str | None, budget: dict[str, float | None]) -> Ticket:
    """Bring the data in, or take it as it stands, and open the run on it."""
    settings = Settings()
    return stages.begin(use_case, Path(source) if source else None, stages.Budget.of(budget), settings)
