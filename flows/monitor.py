"""The flow `monitor`: on a schedule of a Prefect server what `radloop monitor` does at once."""

from __future__ import annotations

from typing import Any

from prefect import flow, task
from prefect.logging import get_run_logger

from radloop.flows.step import OPTIONS
from radloop.monitoring.watch import monitor as watch
from radloop.settings import Settings


@task(name="monitor", **OPTIONS)
def look(use_case: str) -> dict[str, Any]:
    """Take the looks that are due, and tell people of alarms."""
    found = watch(use_case, Settings())
    drift = found["drift"]
    get_run_logger().info("%s: %d new looks, alarm: %s", use_case, len(drift["new"]), found["alarm"])
    kept = {name: found[name] for name in ("use_case", "version", "bundle", "alarm", "served", "sent", "seconds")}
    return kept | {"looks": drift["looks"], "alarming": drift["last"]["alarming"] if drift["last"] else []}


@flow(name="monitor", flow_run_name="monitor-{use_case}")
def monitor(use_case: str) -> dict[str, Any]:
    """Watch what a use case serves."""
    return look(use_case)
