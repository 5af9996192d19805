"""The flow `deploy`: for a Prefect server; on the command line `radloop deploy` does the same at once."""

from __future__ import annotations

from typing import Any

from prefect import flow, task

from radloop.flows.step import OPTIONS
from radloop.governance import deployment
from radloop.settings import Settings


@task(name="deploy", **OPTIONS)
def switch(use_case: str, version: int | None) -> dict[str, Any]:
    """Verify the approved version and serve it."""
    return deployment.deploy(use_case, Settings(), version).as_dict()


@flow(name="deploy", flow_run_name="deploy-{use_case}")
def deploy(use_case: str, version: int | None = None) -> dict[str, Any]:
    """Serve what a person approved; nothing else can be deployed."""
    return switch(use_case, version)
