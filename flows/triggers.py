"""The flow `retrain-when-due`: looks at what asks for a retrain, and runs one where cool-down and budget allow it."""

from __future__ import annotations

from typing import Any

from prefect import flow, task
from prefect.logging import get_run_logger

from radloop.errors import RadloopError
from radloop.flows.retrain import retrain
from radloop.flows.step import OPTIONS
from radloop.monitoring import triggers
from radloop.records.retrains import BUSY
from radloop.settings import Settings


@task(name="due", **OPTIONS)
def look(use_case: str, scheduled: bool, source: bool) -> triggers.Due:
    """Look at requests, data, cool-down and budget."""
    return triggers.due(use_case, Settings(), scheduled=scheduled, source=source)


@flow(name="retrain-when-due", flow_run_name="retrain-when-due-{use_case}", validate_parameters=True)
def retrain_when_due(
    use_case: str = "phantom-cxr",
    scheduled: bool = False,
    source: str | None = None,
    trials: int | None = None,
    max_epochs: int | None = None,
    minutes: float | None = None,
) -> dict[str, Any]:
    """Retrain where something asks for it; the candidate waits for review.

    Args:
        use_case: the name of a YAML under `configs/use_cases`.
        scheduled: this look is itself a reason, as once a week.
        source: a folder to ingest first; the data as it stands by default.
        trials: as of `retrain`, as the next two.
        max_epochs: likewise.
        minutes: likewise.

    Returns:
        what `radloop.monitoring.triggers.Due` holds, with `sentence` and `retrained`: the result of `retrain`, or None.
    """
    found = look(use_case, scheduled, source is not None)
    answer = found.as_dict() | {"use_case": use_case, "sentence": found.sentence, "retrained": None}
    get_run_logger().info("%s: %s", use_case, found.sentence)
    if not found.due:
        return answer
    name = triggers.begin(use_case, found, Settings())
    try:
        summary = retrain(use_case, source, trials, max_epochs, minutes)
    except Exception as error:
        outcome = error.code if isinstance(error, RadloopError) else type(error).__name__
        if outcome == BUSY and found.begun is not None:
            return answer | {"due": False, "waits": BUSY, "sentence": "another process is at it"}
        triggers.end(use_case, name, outcome, None, Settings())
        if outcome == BUSY:
            return answer | {"due": False, "waits": BUSY, "sentence": "another process retrains it"}
        raise
    triggers.end(use_case, name, summary["verdict"], summary["model_version"], Settings())
    return answer | {"retrained": summary}
