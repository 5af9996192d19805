"""The verdict on a data version."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from radloop.data.findings import read_leaks, read_refused
from radloop.data.manifest import read_manifest, usable
from radloop.settings import SILENCE, Settings
from radloop.use_case import UseCase
from radloop.validation.balance import cells
from radloop.validation.check import Check
from radloop.validation.facts import tidied, with_image_facts, with_row_facts
from radloop.validation.page import write_page
from radloop.validation.suites import Table, suites


@dataclass(frozen=True)
class DataVerdict:
    """What Great Expectations said of one data version.

    Attributes:
        success: every check whose level is `stop` held.
        checks: each check with what fails.
        page: the Data Docs' index page.
        leaks: what ingest found on both sides of a split, `{"kind", "splits", "rows", "stands"}` each.
        sheet: the same checks on one page that needs no network.
    """

    use_case: str
    data_version: str
    success: bool
    checks: tuple[Check, ...]
    page: str
    leaks: tuple[Mapping[str, Any], ...] = ()
    sheet: str = ""

    @property
    def failed(self) -> Sequence[Check]:
        """Return the checks that refuse the data."""
        return [check for check in self.checks if not check.success and check.level == "stop"]

    @property
    def warned(self) -> Sequence[Check]:
        """Return the checks that did not hold and are shown only."""
        return [check for check in self.checks if not check.success and check.level == "warn"]

    def sentences(self) -> list[str]:
        """Return one sentence for each check that refuses, naming rows by their id."""
        return [check.sentence() for check in self.failed]

    def warnings(self) -> list[str]:
        """Return one sentence for each check that warns."""
        return [check.sentence() for check in self.warned]

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as JSON prints it and the evidence keeps it."""
        return {
            "use_case": self.use_case,
            "data_version": self.data_version,
            "success": self.success,
            "failed": self.sentences(),
            "warnings": self.warnings(),
            "checks": [check.as_dict() for check in self.checks],
            "leaks": [dict(leak) for leak in self.leaks],
            "page": self.page,
            "sheet": self.sheet,
        }


def validate(use_case: UseCase, data_version: str, settings: Settings, previous: pd.DataFrame | None = None) -> DataVerdict:
    """Judge `data/UC` with Great Expectations and write its Data Docs.

    Args:
        previous: the manifest of the data version before, for drift; None leaves drift out.

    Raises:
        ConfigError: `validation.levels` names a check that does not exist.
        IntegrityError: there is no manifest or no list of leaks, or not one of ours.
    """
    data = settings.data / use_case.name
    return judge_manifest(
        use_case,
        read_manifest(data),
        settings.place / "gx",
        leaks=read_leaks(data)["leaks"],
        refused=read_refused(data),
        previous=previous,
        data_version=data_version,
        files=data,
        workers=settings.workers,
    )


def judge_manifest(
    use_case: UseCase,
    frame: pd.DataFrame,
    folder: Path,
    *,
    leaks: Sequence[Mapping[str, Any]] = (),
    refused: Sequence[Mapping[str, Any]] = (),
    previous: pd.DataFrame | None = None,
    data_version: str = "",
    files: Path | None = None,
    workers: int = 1,
) -> DataVerdict:
    """Judge a manifest, with its files or without.

    Args:
        frame: n rows with the manifest's columns.
        folder: the Great Expectations project.
        leaks: `{"kind", "splits", "rows", "stands"}` each.
        refused: the files that ingest left out, `{"row", "code", "message"}` each.
        previous: the manifest of the data version before; None leaves drift out.
        files: the data folder; None leaves the files alone.
        workers: threads that hash files.

    Raises:
        ConfigError: `validation.levels` names a check that does not exist.
    """
    rows = with_row_facts(tidied(frame), files, workers)
    images = with_image_facts(usable(rows), use_case)
    before = None if previous is None else with_image_facts(usable(tidied(previous)), use_case)
    asked = suites(use_case, rows, images, before, files=files is not None)
    tables: dict[Table, pd.DataFrame] = {
        "manifest": rows,
        "images": images,
        "counts": cells(images, use_case),
        "findings": _findings(leaks, refused),
    }
    os.environ.update(SILENCE)
    from radloop.validation.checkpoint import run_suites

    checks, page = run_suites(use_case.name, asked, tables, folder)
    success = all(check.success for check in checks if check.level == "stop")
    sheet = write_page(use_case, data_version, checks, leaks, folder / f"{use_case.name}.html")
    return DataVerdict(use_case.name, data_version, success, checks, page, tuple(leaks), str(sheet))


def _findings(leaks: Sequence[Mapping[str, Any]], refused: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return what ingest wrote down as one table; the rows of a leak stand in one cell, a space between them."""
    table = [
        (
            "leak",
            str(leak["kind"]),
            " and ".join(leak["splits"]),
            " ".join(map(str, leak["rows"])),
            bool(leak.get("stands", True)),
        )
        for leak in leaks
    ]
    table += [("refused", str(item["code"]), "", str(item["row"]), True) for item in refused]
    return pd.DataFrame(table, columns=["finding", "kind", "splits", "rows", "stands"], dtype=object)
