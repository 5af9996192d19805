"""Under `radloop up`: what is asked for in MLflow is dealt with, and an approval may start its deployment.

It looks every two seconds. MLflow's webhooks would tell at once, but only of what goes through its server: a decision on
the command line writes to the same store past it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from radloop.configuration import load_use_case
from radloop.errors import RadloopError
from radloop.governance.decisions import decisions, decisions_file, unverified
from radloop.governance.registry import reviewed_versions
from radloop.governance.requests import sync
from radloop.settings import Settings

PERIOD = 2.0
"""Seconds between two looks."""

Deploy = Callable[[str, int, Settings], None]


class Watcher:
    """A thread that looks until its block ends."""

    def __init__(self, settings: Settings, deploy: Deploy, say: Callable[[str], None]) -> None:
        """Prepare it.

        Args:
            settings: of the installation.
            deploy: starts the deployment of a use case's version and waits for its end; it verifies the approval itself.
            say: tells a person.
        """
        self._settings, self._deploy, self._say = settings, deploy, say
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True, name="radloop-review")
        self._tried: set[str] = set()
        self._trouble = ""
        self._seen: object = None

    def __enter__(self) -> Watcher:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop after the present look."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _follow(self) -> None:
        while not self._stop.wait(PERIOD):
            try:
                self.look()
                self._trouble = ""
            except Exception as error:  # noqa: BLE001 - a locked database or an edited record: people are told, and it looks again
                self._tell(error.message if isinstance(error, RadloopError) else type(error).__name__)

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._say(f"requests in MLflow are not followed: {trouble}")
        self._trouble = trouble

    def look(self) -> None:
        """Deal with what is asked for, then deploy what was approved since."""
        if not self._settings.bundles.is_dir():
            return  # nothing was judged yet; MLflow's server may be making its tables just now
        state = _state(self._settings)
        if state == self._seen:
            return
        for request in sync(self._settings, retry=False):
            if (line := f"{request.use_case} version {request.version}: {request.message}") not in self._tried:
                self._tried.add(line)
                self._say(line)
        for approval in due(self._settings):
            if approval["seal"] not in self._tried:
                self._tried.add(approval["seal"])
                self._say(f"{approval['use_case']} version {approval['version']}: approved by {unverified(approval)}; deploying")
                self._deploy(approval["use_case"], approval["version"], self._settings)
        self._seen = state


def _state(settings: Settings) -> object:
    """Return what changes when somebody asks or decides; reading the whole record anew each time would cost too much."""
    tags = [(version.use_case, version.version, version.review) for version in reviewed_versions(settings)]
    record = decisions_file(settings)
    return tags, record.stat().st_size if record.is_file() else 0


def due(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield the approvals after which nothing happened yet, of the use cases whose approvals deploy.

    A rejection, deployment or rollback since then takes its place: what was rolled back does not come again by itself.
    """
    last = {entry["use_case"]: entry for entry in decisions(settings) if "use_case" in entry}
    for use_case, entry in last.items():
        if entry["decision"] == "approve" and load_use_case(use_case, settings).review.deploy_on_approval:
            yield entry
