"""The expectations that Great Expectations lacks: leaks, balance, subgroups, drift, what was left out.

Each takes its table through one metric, judges it with a pure function of this package, and writes in words what
it expects and what it saw, for the Data Docs. Importing this module imports the library, which takes seconds.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from great_expectations.render import (
    LegacyDiagnosticRendererType,
    LegacyRendererType,
    RenderedStringTemplateContent,
    RenderedTableContent,
)
from great_expectations.render.renderer.renderer import renderer

from radloop.validation.balance import imbalances, split_shares, subgroup_sizes
from radloop.validation.check import MOST_ROWS
from radloop.validation.drift import distribution, stability_index

_METRIC = "table.radloop.frame"


class TableFrame(TableMetricProvider):
    """The batch itself as a metric: what is judged needs several of its columns together."""

    metric_name = _METRIC

    @metric_value(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, execution_engine: Any, metric_domain_kwargs: dict[str, Any], **_: Any) -> pd.DataFrame:  # noqa: N805 - the library's way
        frame: pd.DataFrame = execution_engine.get_compute_domain(
            domain_kwargs=metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE
        )[0]
        return frame


@dataclass(frozen=True)
class Judged:
    """What an expectation saw: whether it holds, in words, and what fails."""

    success: bool
    seen: str
    failing: tuple[str, ...] = ()


class TableExpectation(BatchExpectation):
    """The base of ours: judge a table, say what is expected, show what failed."""

    metric_dependencies = (_METRIC,)

    @abstractmethod
    def judged(self, frame: pd.DataFrame) -> Judged:
        """Judge the table."""

    @classmethod
    @abstractmethod
    def words(cls, arguments: Mapping[str, Any]) -> str:
        """Say what is expected, from the expectation's arguments."""

    def _validate(self, metrics: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        found = self.judged(metrics[_METRIC])
        details = {"failing": len(found.failing), "rows": list(found.failing[:MOST_ROWS])}
        return {"success": found.success, "result": {"observed_value": found.seen, "details": details}}

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)  # type: ignore[untyped-decorator]
    def _prescriptive_renderer(cls, configuration: Any = None, result: Any = None, **_: Any) -> list[Any]:
        asked = configuration or (result.expectation_config if result else None)
        text = cls.words(asked.kwargs) if asked else cls.__name__
        return [RenderedStringTemplateContent(content_block_type="string_template", string_template={"template": text})]

    @classmethod
    @renderer(renderer_type=LegacyDiagnosticRendererType.UNEXPECTED_TABLE)  # type: ignore[untyped-decorator]
    def _diagnostic_unexpected_table_renderer(cls, configuration: Any = None, result: Any = None, **_: Any) -> list[Any] | None:  # noqa: ARG003
        rows = ((result.result or {}).get("details") or {}).get("rows") if result else None
        if not rows:
            return None
        style = {"body": {"classes": ["table-bordered", "table-sm", "mt-3"]}}
        cells = [[row] for row in rows]
        return [RenderedTableContent(content_block_type="table", table=cells, header_row=["Fails"], styling=style)]


class ExpectNoLeaks(TableExpectation):
    """No image, patient or group stands on both sides of a split; under `drop` it says how many were kept out.

    With `standing`, leaks that dropping has mended do not count.
    """

    policy: str
    dropped: int = 0
    standing: bool = False
    args_keys: ClassVar[tuple[str, ...]] = ("policy", "dropped", "standing")

    def judged(self, frame: pd.DataFrame) -> Judged:
        """Count the leaks by kind and splits, and name their rows."""
        leaks = frame[(frame["finding"] == "leak") & (frame["stands"].astype(bool) | (not self.standing))]
        if leaks.empty:
            return Judged(True, "no leaks")
        places = leaks["kind"].str.replace("_", " ") + " in " + leaks["splits"]
        seen = ", ".join(f"{count} {place}" for place, count in places.value_counts().sort_index().items())
        if self.policy == "drop":
            seen += f"; {self.dropped} images were dropped"
        return Judged(False, seen, tuple(dict.fromkeys(row for rows in leaks["rows"] for row in str(rows).split(" "))))

    @classmethod
    def words(cls, arguments: Mapping[str, Any]) -> str:
        """Say what the policy does."""
        after = "is dropped from the split farther from judging" if arguments["policy"] == "drop" else "refuses the data"
        return f"No image, patient or group stands on both sides of a split; one that does {after}."


class ExpectReadableFiles(TableExpectation):
    """Few of the source's files could not be read."""

    maximum: int
    args_keys: ClassVar[tuple[str, ...]] = ("maximum",)

    def judged(self, frame: pd.DataFrame) -> Judged:
        """Count the refused files by code, and name their rows in the source."""
        refused = frame[frame["finding"] == "refused"]
        if refused.empty:
            return Judged(True, "every file was read")
        codes = refused["kind"].value_counts().sort_index()
        seen = f"{len(refused)} files left out (" + ", ".join(f"{count} {code}" for code, count in codes.items()) + ")"
        return Judged(len(refused) <= self.maximum, seen, tuple(f"source row {row}" for row in refused["rows"]))

    @classmethod
    def words(cls, arguments: Mapping[str, Any]) -> str:
        """Say how many may fail."""
        return f"At most {arguments['maximum']} files of the source could not be read."


class ExpectQuarantineShare(TableExpectation):
    """Few images are quarantined."""

    max_share: float
    args_keys: ClassVar[tuple[str, ...]] = ("max_share",)

    def judged(self, frame: pd.DataFrame) -> Judged:
        """Count the quarantined rows by their rules, and name them."""
        reasons = frame["excluded"].dropna().astype(str)
        kept_out = reasons[reasons.str.startswith("quarantine:")]
        share = len(kept_out) / len(frame) if len(frame) else 0.0
        rules = kept_out.str.removeprefix("quarantine:").value_counts().sort_index()
        seen = f"{len(kept_out)} of {len(frame)} ({share:.1%})" + "".join(f", {rule} {count}" for rule, count in rules.items())
        failing = tuple(frame.loc[kept_out.index, "named"]) if share > self.max_share else ()
        return Judged(share <= self.max_share, seen, failing)

    @classmethod
    def words(cls, arguments: Mapping[str, Any]) -> str:
        """Say how many may be."""
        return f"At most {arguments['max_share']:.0%} of the images are quarantined."


class ExpectBalancedLabels(TableExpectation):
    """Every label has about the same share in each split as in the whole."""

    max_difference: float
    args_keys: ClassVar[tuple[str, ...]] = ("max_difference",)

    def judged(self, frame: pd.DataFrame) -> Judged:
        """Compare the shares of a table of cells."""
        found = imbalances(frame)
        failing = tuple(cell for cell, difference in found.items() if difference > self.max_difference)
        worst = max(found, key=lambda cell: found[cell], default=None)
        seen = "no labels" if worst is None else f"a largest difference of {found[worst]:.3f} in {worst}"
        return Judged(worst is not None and not failing, seen, failing)

    @classmethod
    def words(cls, arguments: Mapping[str, Any]) -> str:
        """Say how far shares may differ."""
        return f"A label's share in a split differs from its share in the whole by at most {arguments['max_difference']:g}."


class ExpectSplitProportions(TableExpectation):
    """Every split has about its share of the patients."""

    proportions: dict[str, float]
    max_difference: float
    args_keys: ClassVar[tuple[str, ...]] = ("proportions", "max_difference")

    def judged(self, frame: pd.DataFrame) -> Judged:
        """Compare the shares of the patients with those asked for."""
        shares = split_shares(frame)
        failing = tuple(split for split, share in shares.items() if abs(share - self.proportions[split]) > self.max_difference)
        return Judged(not failing, ", ".join(f"{split} {share:.3f}" for split, share in shares.items()), failing)

    @classmethod
    def words(cls, arguments: Mapping[str, Any]) -> str:
        """Say which shares."""
        shares = ", ".join(f"{split} {share:g}" for split, share in arguments["proportions"].items())
        return f"The splits hold these shares of the patients: {shares}; each within {arguments['max_difference']:g}."


class ExpectSubgroupSizes(TableExpectation):
    """Every gated subgroup is large enough in `test`."""

    subgroups: list[dict[str, str]]
    minimum: int
    args_keys: ClassVar[tuple[str, ...]] = ("subgroups", "minimum")

    def judged(self, frame: pd.DataFrame) -> Judged:
        """Count the subgroups' images in `test`."""
        sizes = subgroup_sizes(frame, self.subgroups)
        failing = tuple(group for group, size in sizes.items() if size < self.minimum)
        return Judged(not failing, ", ".join(f"{group} {size}" for group, size in sizes.items()), failing)

    @classmethod
    def words(cls, arguments: Mapping[str, Any]) -> str:
        """Say which subgroups."""
        names = ", ".join(f"{group['attribute']}={group['value']}" for group in arguments["subgroups"])
        return f"Each of these subgroups has at least {arguments['minimum']} images in test: {names}."


class ExpectNoDrift(TableExpectation):
    """Columns are distributed as in the previous data version, by the population stability index."""

    before: dict[str, dict[str, int]]
    edges: dict[str, list[float]]
    max_index: float
    args_keys: ClassVar[tuple[str, ...]] = ("before", "edges", "max_index")

    def judged(self, frame: pd.DataFrame) -> Judged:
        """Compute each column's index; one that cannot be computed fails."""
        found = {
            column: stability_index(counts, distribution(frame[column], self.edges.get(column)))
            for column, counts in sorted(self.before.items())
        }
        failing = tuple(column for column, index in found.items() if not index <= self.max_index)
        return Judged(not failing, ", ".join(f"{column} {index:.3f}" for column, index in found.items()) or "no column", failing)

    @classmethod
    def words(cls, arguments: Mapping[str, Any]) -> str:
        """Say which columns."""
        names = ", ".join(arguments["before"])
        limit = f"{arguments['max_index']:g}"
        return f"The population stability index against the previous data version is at most {limit}: {names or 'no column'}."
