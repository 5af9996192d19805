"""The task `ingest`."""

from __future__ import annotations

from pathlib import Path

from prefect import task

from radloop import stages
from radloop.flows.step import OPTIONS, Ticket
from radloop.settings import Settings

_sources: dict[str, str] = {}


def covered(source: Path | str) -> str:
    """Return a word for a source that Prefect may write down in place of its path, in which a name may stand.

    It is understood in this process only, which is where an embedded run takes place.
    """
    word = f"source-{len(_sources) + 1}"
    _sources[word] = str(source)
    return word


@task(name="ingest", **OPTIONS)
def ingest(use_case: str, source: str | None, budget: dict[str, float | None]) -> Ticket:
    """Bring the data in, or take it as it stands, and open the run on it."""
    settings = Settings()
    return stages.begin(use_case, Path(_sources.get(source, source)) if source else None, stages.Budget.of(budget), settings)
