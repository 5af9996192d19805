"""Running suites with Great Expectations: from what is expected to checks, with Data Docs."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
from great_expectations.data_context.types.resource_identifiers import ExpectationSuiteIdentifier

from radloop.validation import expectations as ours
from radloop.validation.check import MOST_ROWS, Check
from radloop.validation.suites import Expected, Kind, Table

_CLASSES: Mapping[Kind, Any] = {
    "columns": gxe.ExpectTableColumnsToMatchOrderedList,
    "row_count": gxe.ExpectTableRowCountToBeBetween,
    "not_null": gxe.ExpectColumnValuesToNotBeNull,
    "unique": gxe.ExpectColumnValuesToBeUnique,
    "in_set": gxe.ExpectColumnValuesToBeInSet,
    "between": gxe.ExpectColumnValuesToBeBetween,
    "no_leaks": ours.ExpectNoLeaks,
    "readable": ours.ExpectReadableFiles,
    "quarantine_share": ours.ExpectQuarantineShare,
    "balanced_labels": ours.ExpectBalancedLabels,
    "split_proportions": ours.ExpectSplitProportions,
    "subgroup_sizes": ours.ExpectSubgroupSizes,
    "no_drift": ours.ExpectNoDrift,
}
_SEVERITY = {"stop": "critical", "warn": "warning"}
_KEYS: Mapping[Table, str] = {"manifest": "named", "images": "named", "counts": "cell", "findings": "rows"}
"""The column that names what fails in each table."""


def run_suites(
    name: str, suites: Mapping[Table, tuple[Expected, ...]], tables: Mapping[Table, pd.DataFrame], folder: Path
) -> tuple[tuple[Check, ...], str]:
    """Run every suite on its table and build the Data Docs.

    Args:
        name: the use case's; suites are named `NAME-TABLE`.
        folder: the Great Expectations project.

    Returns:
        the checks in order, and the path of the Data Docs' index page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _quiet():
        context = gx.get_context(mode="file", project_root_dir=str(folder))
        # The rows are in the result and in the Data Docs; the bar of a run of 50 ms tells nobody anything.
        context.variables.progress_bars = {"globally": False}
        checks: list[Check] = []
        written: list[Any] = []
        for table, expected in suites.items():
            outcome = _outcome(context, f"{name}-{table}", expected, tables[table], _KEYS[table])
            checks += _checks(outcome, expected, _KEYS[table])
            written += [ExpectationSuiteIdentifier(f"{name}-{table}"), *outcome.run_results]
        # Only what is new: all pages of all runs would take longer with every run.
        context.build_data_docs(resource_identifiers=written)
    return tuple(checks), str(folder / "gx" / "uncommitted" / "data_docs" / "local_site" / "index.html")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _outcome(context: Any, name: str, expected: tuple[Expected, ...], frame: pd.DataFrame, key: str) -> Any:
    source = context.data_sources.add_or_update_pandas(name)
    batch = source.add_dataframe_asset("manifest").add_batch_definition_whole_dataframe("whole")
    suite = context.suites.add_or_update(gx.ExpectationSuite(name=name, expectations=[_built(item) for item in expected]))
    definition = context.validation_definitions.add_or_update(gx.ValidationDefinition(name=name, data=batch, suite=suite))
    checkpoint = context.checkpoints.add_or_update(
        gx.Checkpoint(
            name=name,
            validation_definitions=[definition],
            actions=[],
            # SUMMARY names the first rows only: COMPLETE would write all of 112,000 into every page.
            result_format={
                "result_format": "SUMMARY",
                "unexpected_index_column_names": [key],
                "partial_unexpected_count": MOST_ROWS,
            },
        )
    )
    return checkpoint.run(batch_parameters={"dataframe": frame})


def _checks(outcome: Any, expected: tuple[Expected, ...], key: str) -> list[Check]:
    by_code = {item.code: item for item in expected}
    results = [result for run in outcome.run_results.values() for result in run.results]
    found = {str(result.expectation_config.meta["code"]): result for result in results}
    return [_check(by_code[code], found[code], key) for code in by_code]


def _built(expected: Expected) -> Any:
    kind = _CLASSES[expected.kind]
    # Ours say in their own words what they expect; the library's are better said in the check's.
    described = {} if issubclass(kind, ours.TableExpectation) else {"description": expected.name}
    return kind(
        **expected.arguments,
        **described,
        meta={"code": expected.code, "name": expected.name, "level": expected.level},
        severity=_SEVERITY[expected.level],
    )


def _check(expected: Expected, result: Any, key: str) -> Check:
    seen = result.result or {}
    details: Mapping[str, Any] = seen.get("details") or {}
    listed = details.get("rows") or [row[key] for row in seen.get("partial_unexpected_index_list") or []]
    return Check(
        code=expected.code,
        name=expected.name,
        level=expected.level,
        success=bool(result.success),
        rows=tuple(str(row) for row in listed[:MOST_ROWS]),
        failing=details.get("failing", seen.get("unexpected_count")),
        observed=_observed(expected, result),
    )


def _observed(expected: Expected, result: Any) -> str | None:
    """Return in words what an expectation about the whole table saw."""
    if _raised(result):
        return "nothing that can be judged"  # the library's message may quote a value; it stays on the page
    seen = (result.result or {}).get("observed_value")
    if expected.kind != "columns":
        return None if seen is None else str(seen)
    wanted, found = list(expected.arguments["column_list"]), list(seen or ())
    missing = [f"{name} is missing" for name in wanted if name not in found]
    strange = [f"{name} is new" for name in found if name not in wanted]
    return ", ".join([*missing, *strange]) or ("the columns" if wanted == found else "another order")


def _raised(result: Any) -> bool:
    """Tell whether an expectation failed to run; the library keeps one exception, or one for each metric."""
    found: Mapping[str, Any] = result.exception_info or {}
    return any(item.get("raised_exception") for item in [found, *found.values()] if isinstance(item, dict))
