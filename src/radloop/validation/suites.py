"""What is expected of a data version, by the kind of its use case: values that name no library.

A suite stands over one table: `manifest` every row, `images` the rows that splits use, `counts` the cells of split
and label, `findings` what ingest wrote down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import pandas as pd

from radloop.data.manifest import columns_of
from radloop.use_case import SPLITS, FindingLabels, Sex, UseCase
from radloop.validation.check import Level, levels_of
from radloop.validation.drift import QUALITY_EDGES, distribution

Table = Literal["manifest", "images", "counts", "findings"]
Kind = Literal[
    "columns",
    "row_count",
    "not_null",
    "unique",
    "in_set",
    "between",
    "no_leaks",
    "readable",
    "quarantine_share",
    "balanced_labels",
    "split_proportions",
    "subgroup_sizes",
    "no_drift",
]
MOST_QUARANTINED = 0.05
"""The share of quarantined images above which the source deserves a look."""
MOST_UNKNOWN = 0.5
"""The share of a split's images in which a finding may be unknown before it warns."""
_ATTRIBUTES = ("sex", "age_band", "site", "view", "device")


@dataclass(frozen=True)
class Expected:
    """One expectation before a library runs it.

    Attributes:
        code: of the check that it becomes.
        name: in words.
        kind: which expectation.
        arguments: its own, JSON values.
        level: what a failure means.
    """

    code: str
    name: str
    kind: Kind
    arguments: Mapping[str, Any] = field(default_factory=dict)
    level: Level = "stop"


def suites(
    use_case: UseCase, manifest: pd.DataFrame, images: pd.DataFrame, previous: pd.DataFrame | None, *, files: bool
) -> dict[Table, tuple[Expected, ...]]:
    """Return what is expected of each table.

    Args:
        manifest: every row, with row facts.
        images: the rows that splits use, with image facts.
        previous: the same of the data version before; None leaves drift out.
        files: the files are there to be looked at.

    Raises:
        ConfigError: `validation.levels` names a check that does not exist.
    """
    levels = levels_of(use_case)
    asked: dict[Table, list[Expected]] = {
        "manifest": _manifest(use_case, manifest, files),
        "images": [*_images(use_case), *_splits(use_case, images), *_slices(use_case), *_drift(use_case, images, previous)],
        "counts": _counts(use_case),
        "findings": _findings(use_case, manifest),
    }
    return {
        table: tuple(Expected(item.code, item.name, item.kind, item.arguments, levels[item.code]) for item in items)
        for table, items in asked.items()
    }


def _true(code: str, name: str, column: str) -> Expected:
    return Expected(code, name, "in_set", {"column": column, "value_set": [True]})


def _once(code: str, name: str, column: str) -> Expected:
    return Expected(code, name, "between", {"column": column, "min_value": 1, "max_value": 1})


def _words(code: str, name: str, column: str, words: tuple[str, ...]) -> list[Expected]:
    return [Expected(code, name, "in_set", {"column": column, "value_set": list(words)})] if words else []


def _manifest(use_case: UseCase, frame: pd.DataFrame, files: bool) -> list[Expected]:
    own = {"named", "complete", "clip_found", "frames_agree", "present", "intact"}
    most = MOST_QUARANTINED
    columns = [*columns_of(use_case), *(name for name in frame.columns if name in own)]
    asked = [
        Expected("schema", "the schema is the manifest's", "columns", {"column_list": columns}),
        _true("rows_complete", "every row has what a row needs", "complete"),
        Expected("unique_ids", "every image is listed once", "unique", {"column": "id"}),
        *_words("known_splits", "every split is known", "split", SPLITS),
        *_words("known_kinds", "every row is an image, a frame or a clip", "kind", ("image", "frame", "clip")),
        Expected("quarantine_share", f"at most {most:.0%} are quarantined", "quarantine_share", {"max_share": most}),
    ]
    if files:
        asked += [
            _true("files_present", "every file is there", "present"),
            _true("files_intact", "every file is the one that was ingested", "intact"),
        ]
    if use_case.image.frames_per_second is not None or frame["kind"].isin(["frame", "clip"]).any():
        asked += [
            _true("frames_of_clips", "every frame belongs to a clip that is listed", "clip_found"),
            _true("clips_of_frames", "every clip has the frames that it counts", "frames_agree"),
        ]
    return asked


def _images(use_case: UseCase) -> list[Expected]:
    limits, side = use_case.validation, use_case.image.min_side
    low, high = limits.age
    asked = [
        Expected("min_images", f"at least {limits.min_images} images", "row_count", {"min_value": limits.min_images}),
        Expected("patients_known", "every image has a patient", "not_null", {"column": "patient"}),
        _true("labels_present", "every image has a label", "labelled"),
        Expected("plausible_ages", "ages are plausible", "between", {"column": "age", "min_value": low, "max_value": high}),
        Expected("image_height", f"no image is lower than {side} pixels", "between", {"column": "rows", "min_value": side}),
        Expected("image_width", f"no image is narrower than {side} pixels", "between", {"column": "columns", "min_value": side}),
    ]
    if isinstance(use_case.labels, FindingLabels):
        asked.append(_true("known_labels", "every finding is 0, 1 or unknown", "label_known"))
    else:
        asked += _words("known_labels", "every label is a class", "label", use_case.labels.words)
    asked += _words("known_sexes", "every known sex is expected", "sex", get_args(Sex))
    asked += _words("known_sites", "every known site is expected", "site", limits.sites)
    return asked + _words("known_views", "every known view is expected", "view", limits.views)


def _splits(use_case: UseCase, images: pd.DataFrame) -> list[Expected]:
    limits = use_case.validation
    asked = [
        _once("patient_splits", "no patient is in two splits", "patient_splits"),
        _once("group_splits", "no group is in two splits", "group_splits"),
        _once("pixel_splits", "no identical images are in two splits", "pixel_splits"),
        _once("series_splits", "no series is in two splits", "series_splits"),
    ]
    if images["clip"].notna().any():
        asked.append(_once("clip_splits", "no clip is in two splits", "clip_splits"))
    wanted = dict(zip(SPLITS, use_case.split.proportions, strict=True))
    asked.append(
        Expected(
            "split_proportions",
            f"splits have their share of the patients, within {limits.max_split_imbalance:g}",
            "split_proportions",
            {"proportions": wanted, "max_difference": limits.max_split_imbalance},
        )
    )
    gated = [{"attribute": group.attribute, "value": group.value} for group in use_case.subgroups.gated]
    if gated:
        name = f"every gated subgroup has at least {limits.min_per_subgroup} images in test"
        arguments = {"subgroups": gated, "minimum": limits.min_per_subgroup}
        asked.append(Expected("subgroup_sizes", name, "subgroup_sizes", arguments))
    return asked


def _slices(use_case: UseCase) -> list[Expected]:
    if not {"CT", "MR"} & set(use_case.image.modalities):
        return []
    return [
        _true("series_known", "every DICOM slice has a series", "series_known"),
        _true("position_known", "every DICOM slice has a position", "position_known"),
        _once("position_unique", "no two slices of a series are at one place", "same_position"),
    ]


def _drift(use_case: UseCase, images: pd.DataFrame, previous: pd.DataFrame | None) -> list[Expected]:
    if previous is None or previous.empty:
        return []
    labels = use_case.labels
    columns = [f"finding_{word}" for word in labels.findings] if isinstance(labels, FindingLabels) else ["label"]
    asked = [("label", columns), *((name, [name]) for name in _ATTRIBUTES), ("quality", list(QUALITY_EDGES))]
    return [
        _no_drift(use_case, name, [column for column in names if column in previous and column in images], previous)
        for name, names in asked
    ]


def _no_drift(use_case: UseCase, name: str, columns: list[str], previous: pd.DataFrame) -> Expected:
    limit = use_case.validation.max_drift
    return Expected(
        f"drift_{name}",
        f"{name.replace('_', ' ')} is distributed as in the previous data version, within {limit:g}",
        "no_drift",
        {
            "before": {column: distribution(previous[column], QUALITY_EDGES.get(column)) for column in columns},
            "edges": {column: list(QUALITY_EDGES[column]) for column in columns if column in QUALITY_EDGES},
            "max_index": limit,
        },
    )


def _counts(use_case: UseCase) -> list[Expected]:
    limits = use_case.validation
    least, most = limits.min_per_label_and_split, limits.max_split_imbalance
    counted = {"column": "images", "min_value": least}
    if isinstance(use_case.labels, FindingLabels):
        asked = [
            Expected("images_per_finding", f"at least {least} images for each split and finding", "between", counted),
            Expected(
                "unknown_share",
                f"no finding is unknown in more than {MOST_UNKNOWN:.0%} of a split",
                "between",
                {"column": "unknown", "max_value": MOST_UNKNOWN},
            ),
        ]
    else:
        asked = [Expected("images_per_label", f"at least {least} images for each split and label", "between", counted)]
    name = f"labels have the same share in every split, within {most:g}"
    return [*asked, Expected("label_balance", name, "balanced_labels", {"max_difference": most})]


def _findings(use_case: UseCase, manifest: pd.DataFrame) -> list[Expected]:
    policy = use_case.leakage.policy
    dropped = int((manifest["excluded"] == "leak").sum())
    most = use_case.source.max_unreadable
    name = "no image stands on both sides of a split"
    asked = [Expected("leaks", name, "no_leaks", {"policy": policy, "dropped": dropped})]
    if policy == "drop":
        asked.append(Expected("leaks_standing", f"{name} after dropping", "no_leaks", {"policy": "refuse", "standing": True}))
    return [
        *asked,
        Expected("unreadable_files", f"at most {most} files could not be read", "readable", {"maximum": most}),
    ]
