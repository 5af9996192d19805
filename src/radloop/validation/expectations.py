"""Great Expectations over the manifest: the only file that names the library."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from radloop.settings import SILENCE
from radloop.use_case import SPLITS, UseCase

_MOST_ROWS = 20


@dataclass(frozen=True)
class Check:
    """One expectation's result.

    Attributes:
        name: what was expected, in words.
        rows: the ids of the first failing rows (at most 20).
        failing: how many rows fail; None where the expectation is about the table.
        observed: what was seen, where the expectation is about the table.
    """

    name: str
    success: bool
    rows: tuple[str, ...]
    failing: int | None
    observed: str | None


def run_suite(use_case: UseCase, images: pd.DataFrame, cells: pd.DataFrame, folder: Path) -> tuple[tuple[Check, ...], str]:
    """Run both suites and build the Data Docs.

    Args:
        use_case: names the suites and gives the limits.
        images: the manifest with facts, one row an image.
        cells: images for each split and label.
        folder: the Great Expectations project.

    Returns:
        the checks in order, and the path of the Data Docs' index page.
    """
    os.environ.update(SILENCE)
    folder.mkdir(parents=True, exist_ok=True)
    with _quiet():
        import great_expectations as gx

        context = gx.get_context(mode="file", project_root_dir=str(folder))
        # The rows are in the result and in the Data Docs; the bar of a run of 50 ms tells nobody anything.
        context.variables.progress_bars = {"globally": False}
        checks = _run(gx, context, f"{use_case.name}-images", _image_suite(use_case), images, "id")
        checks += _run(gx, context, f"{use_case.name}-counts", _count_suite(use_case), cells, "cell")
        context.build_data_docs()
    return checks, str(folder / "gx" / "uncommitted" / "data_docs" / "local_site" / "index.html")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    yield


def _run(gx: Any, context: Any, name: str, expectations: list[Any], frame: pd.DataFrame, key: str) -> tuple[Check, ...]:
    source = context.data_sources.add_or_update_pandas(name)
    batch = source.add_dataframe_asset("manifest").add_batch_definition_whole_dataframe("whole")
    suite = context.suites.add_or_update(gx.ExpectationSuite(name=name, expectations=expectations))
    definition = context.validation_definitions.add_or_update(gx.ValidationDefinition(name=name, data=batch, suite=suite))
    checkpoint = context.checkpoints.add_or_update(
        gx.Checkpoint(
            name=name,
            validation_definitions=[definition],
            actions=[],
            result_format={"result_format": "COMPLETE", "unexpected_index_column_names": [key]},
        )
    )
    outcome = checkpoint.run(batch_parameters={"dataframe": frame})
    return tuple(_check(result, key) for run in outcome.run_results.values() for result in run.results)


def _check(result: Any, key: str) -> Check:
    details = result.result or {}
    rows = details.get("unexpected_index_list") or []
    observed = details.get("observed_value")
    error = (result.exception_info or {}).get("exception_message")
    return Check(
        name=str((result.expectation_config.meta or {}).get("name", result.expectation_config.type)),
        success=bool(result.success),
        rows=tuple(str(row[key]) for row in rows[:_MOST_ROWS]),
        failing=details.get("unexpected_count"),
        observed=error or (None if observed is None else str(observed)),
    )


def _image_suite(use_case: UseCase) -> list[Any]:
    import great_expectations.expectations as gxe

    from radloop.data.manifest import Row

    limits = use_case.validation
    columns = [*Row.__dataclass_fields__, "intact", "decodes", "patient_splits"]
    words = {"sex": ["F", "M", "O"], "site": list(limits.sites), "view": list(limits.views)}
    return [
        gxe.ExpectTableColumnsToMatchOrderedList(column_list=columns, meta=_named("the schema is the manifest's")),
        gxe.ExpectTableRowCountToBeBetween(min_value=limits.min_images, meta=_named(f"at least {limits.min_images} images")),
        gxe.ExpectColumnValuesToNotBeNull(column="patient", meta=_named("every image has a patient")),
        gxe.ExpectColumnValuesToBeUnique(column="id", meta=_named("every image is listed once")),
        gxe.ExpectColumnValuesToBeInSet(
            column="label", value_set=list(use_case.labels.words), meta=_named("every label is a class")
        ),
        gxe.ExpectColumnValuesToBeInSet(column="split", value_set=list(SPLITS), meta=_named("every split is known")),
        gxe.ExpectColumnValuesToBeBetween(
            column="age", min_value=limits.age[0], max_value=limits.age[1], meta=_named("ages are plausible")
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="rows",
            min_value=use_case.image.min_side,
            meta=_named(f"no image is lower than {use_case.image.min_side} pixels"),
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="columns",
            min_value=use_case.image.min_side,
            meta=_named(f"no image is narrower than {use_case.image.min_side} pixels"),
        ),
        *(
            gxe.ExpectColumnValuesToBeInSet(column=column, value_set=values, meta=_named(f"every known {column} is expected"))
            for column, values in words.items()
            if values
        ),
        gxe.ExpectColumnValuesToBeInSet(column="decodes", value_set=[True], meta=_named("every file decodes")),
        gxe.ExpectColumnValuesToBeInSet(
            column="intact", value_set=[True], meta=_named("every file is the one that was ingested")
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="patient_splits", min_value=1, max_value=1, meta=_named("no patient is in two splits")
        ),
    ]


def _count_suite(use_case: UseCase) -> list[Any]:
    import great_expectations.expectations as gxe

    least = use_case.validation.min_per_label_and_split
    return [
        gxe.ExpectColumnValuesToBeBetween(
            column="images", min_value=least, meta=_named(f"at least {least} images for each split and label")
        )
    ]


def _named(name: str) -> dict[str, str]:
    return {"name": name}
