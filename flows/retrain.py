"""The flow `retrain`: the whole loop up to a candidate that awaits review."""

from __future__ import annotations

import time
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.logging import get_run_logger

from radloop import stages
from radloop.flows.evaluate import evaluate
from radloop.flows.ingest import ingest
from radloop.flows.package import package
from radloop.flows.promote import promote
from radloop.flows.search import search
from radloop.flows.validate import validate
from radloop.records.runs import locked
from radloop.settings import Settings


@flow(name="retrain", flow_run_name="retrain-{use_case}", validate_parameters=True)
def retrain(
    use_case: str = "phantom-cxr",
    source: str | None = None,
    trials: int | None = None,
    max_epochs: int | None = None,
    minutes: float | None = None,
) -> dict[str, Any]:
    """Ingest, validate, search, package, evaluate, and put the bundle before the gate.

    Args:
        use_case: the name of a YAML under `configs/use_cases`.
        source: a folder to ingest first; the data as it stands by default.
        trials: budget of the search; the YAML's by default, as the next two.
        max_epochs: epochs a trial at the most.
        minutes: no new trial starts after this long.
    """
    started = time.monotonic()
    with locked(stages.runs_folder(use_case, Settings())):
        ticket = ingest(use_case, source, {"trials": trials, "max_epochs": max_epochs, "minutes": minutes})
        for step in (validate, search, package, evaluate, promote):
            step(ticket)
        summary = stages.summary(ticket, Settings(), time.monotonic() - started)
        title = f"The gate's verdict on {use_case}"
        create_markdown_artifact(
            key=f"verdict-{use_case}", markdown=stages.as_markdown(summary, Settings().review_address), description=title
        )
        stages.finish(ticket, Settings())
    get_run_logger().info("%s version %s: %s", use_case, summary["model_version"], summary["verdict"])
    return summary
