"""The verdict on a data version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from radloop.data.manifest import read_manifest
from radloop.settings import Settings
from radloop.use_case import UseCase
from radloop.validation.expectations import Check, run_suite
from radloop.validation.facts import counts, with_facts


@dataclass(frozen=True)
class DataVerdict:
    """What Great Expectations said of one data version.

    Attributes:
        success: every expectation held.
        checks: each expectation with the ids of its failing rows.
        page: the Data Docs' index page.
    """

    use_case: str
    data_version: str
    success: bool
    checks: tuple[Check, ...]
    page: str

    @property
    def failed(self) -> Sequence[Check]:
        """Return the expectations that did not hold."""
        return [check for check in self.checks if not check.success]

    def sentences(self) -> list[str]:
        """Return one sentence for each failed expectation, naming rows by their id."""
        return [_sentence(check) for check in self.failed]

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as JSON prints it and the evidence keeps it."""
        return {
            "use_case": self.use_case,
            "data_version": self.data_version,
            "success": self.success,
            "failed": self.sentences(),
            "checks": [asdict(check) | {"rows": list(check.rows)} for check in self.checks],
            "page": self.page,
        }


def _sentence(check: Check) -> str:
    if check.failing is None:
        return f"{check.name}: no" + (f", seen {check.observed}" if check.observed else "")
    more = "" if check.failing <= len(check.rows) else ", ..."
    return f"{check.name}: {check.failing} do not, {', '.join(check.rows)}{more}"


def validate(use_case: UseCase, data_version: str, settings: Settings) -> DataVerdict:
    """Judge `data/UC` with Great Expectations and write its Data Docs.

    Raises:
        IntegrityError: there is no manifest, or not one of ours.
    """
    folder = settings.data / use_case.name
    frame = read_manifest(folder)
    checks, page = run_suite(use_case, with_facts(frame, folder), counts(frame, use_case), settings.place / "gx")
    return DataVerdict(use_case.name, data_version, all(check.success for check in checks), checks, page)
