"""The manifest: one row an image, as Parquet with a fixed schema and fixed bytes.

| column | type | meaning |
|---|---|---|
| id | string | the first 16 hexadecimal digits of the stored file's sha256, `-2` for its second copy; frames add `-f0001` |
| path | string or null | the stored file, relative to the manifest; null for a clip, whose frames are stored |
| kind | string | `image`, `frame` (of a video or of a multi-frame DICOM), `clip` (the row about all frames of one file) |
| label | string or null | one of the use case's label words; null where it has several findings (below) |
| patient | string | the pseudonym |
| group | string or null | the pseudonym of what must not cross a split although the patient is unknown |
| split | string | train, tune, calibrate, test |
| source_split | string or null | the split word of the source, before known patients kept theirs |
| excluded | string or null | why no split uses the row: `leak`, or `quarantine:` and its rules |
| site, sex, view, device | string or null | null is unknown; device is the maker of the machine |
| age | float or null | years |
| age_note | string or null | why an age that the source gives is unknown or a bound |
| extent | float or null | how much of the organ the finding covers, where the source knows |
| series | string or null | the pseudonym of a DICOM series |
| position | float or null | millimetres along the series' normal |
| clip | string or null | the id of the clip that a frame belongs to |
| frame | int or null | the frame's number in its file, from 0; for a clip, how many were taken |
| seconds | float or null | the frame's time in its clip; for a clip, its length |
| format | string | `dicom`, `png`, `jpeg`, `video` of the source's file |
| rows, columns, bits | int | pixels, and meaningful bits of a stored sample |
| black, saturated, contrast, sharpness, mean, border, marker | float | see `radloop.images.quality` |
| text | bool | lines of text were found in the pixels, see `radloop.images.burned_in` |
| sha256 | string | of the stored file |
| pixels | string | sha256 of the pixels as they are stored, with their type and size: equal for identical images |
| dhash | string | 256-bit difference hash, hexadecimal, see `radloop.images.fingerprint` |
| finding_* | float or null | one column for each finding of a multi-label use case: 1, 0, null is unknown |
| mask | string or null | of a use case with `location`: a stored PNG of the image's size, 255 inside; null where there is none |
| reader_* | string or null | one column for each reader of the use case: a label word; null is not read |
| clinical_* | float, string or null | one column for each clinical value of the use case; its field metadata holds the unit |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from radloop.errors import IntegrityError
from radloop.use_case import FindingLabels, UseCase

SCHEMA_VERSION = 2
FILE_NAME = "manifest.parquet"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One image of the manifest; the fields are the columns above, None is unknown."""

    id: str
    path: str | None
    kind: str = "image"
    label: str | None
    patient: str
    group: str | None = None
    split: str
    source_split: str | None = None
    excluded: str | None = None
    site: str | None = None
    sex: str | None = None
    view: str | None = None
    device: str | None = None
    age: float | None = None
    age_note: str | None = None
    extent: float | None = None
    series: str | None = None
    position: float | None = None
    clip: str | None = None
    frame: int | None = None
    seconds: float | None = None
    format: str
    rows: int
    columns: int
    bits: int
    black: float
    saturated: float
    contrast: float
    sharpness: float
    mean: float
    border: float
    marker: float
    text: bool
    sha256: str
    pixels: str
    dhash: str
    mask: str | None = None
    findings: Mapping[str, float | None] = field(default_factory=dict)
    clinical: Mapping[str, float | str | None] = field(default_factory=dict)
    readers: Mapping[str, str | None] = field(default_factory=dict)


_METADATA = {"radloop.schema_version": str(SCHEMA_VERSION)}
# No compression and no dictionary: codecs differ in bytes between machines, the data version must not.
PARQUET: Mapping[str, Any] = {
    "compression": "none",
    "use_dictionary": False,
    "write_statistics": False,
    "version": "2.6",
    "data_page_version": "1.0",
}
"""How a manifest is written: the same rows give the same bytes."""
_TYPES = {"int": pa.int32(), "float": pa.float64(), "str": pa.string(), "bool": pa.bool_()}
_CONDITIONAL = ("mask", "findings", "clinical", "readers")
COLUMNS: tuple[str, ...] = tuple(item.name for item in fields(Row) if item.name not in _CONDITIONAL)
"""The columns that every manifest has, in their order."""
_BASE = [pa.field(item.name, _TYPES[str(item.type).split(" ")[0]]) for item in fields(Row) if item.name in COLUMNS]


def columns_of(use_case: UseCase) -> list[str]:
    """Return the columns of a use case's manifest, in their order."""
    return list(_schema(use_case).names)


def _schema(use_case: UseCase) -> pa.Schema:
    findings = use_case.labels.findings if isinstance(use_case.labels, FindingLabels) else ()
    more = [pa.field(f"finding_{word}", pa.float64()) for word in findings]
    if use_case.location is not None:
        more.append(pa.field("mask", pa.string()))
    more += [pa.field(f"reader_{name}", pa.string()) for name in use_case.source.readers.values()]
    for name, value in use_case.clinical.items():
        kind = pa.string() if value.words else pa.float64()
        more.append(pa.field(f"clinical_{name}", kind, metadata={"unit": value.unit or ""}))
    return pa.schema([*_BASE, *more], metadata=_METADATA)


def write_manifest(folder: Path, frame: pd.DataFrame, use_case: UseCase) -> Path:
    """Write a manifest in the given order; equal rows give equal bytes with one pyarrow version."""
    table = pa.Table.from_pandas(frame, schema=_schema(use_case), preserve_index=False).replace_schema_metadata(_METADATA)
    path = folder / FILE_NAME
    pq.write_table(table, path, **PARQUET)
    return path


def _flat(row: Row) -> dict[str, Any]:
    flat: dict[str, Any] = {name: getattr(row, name) for name in (*COLUMNS, "mask")}
    flat |= {f"finding_{word}": value for word, value in row.findings.items()}
    flat |= {f"reader_{name}": word for name, word in row.readers.items()}
    return flat | {f"clinical_{name}": value for name, value in row.clinical.items()}


def table_frame(rows: Sequence[Mapping[str, Any]], use_case: UseCase) -> pd.DataFrame:
    """Return what is known of a source's table as a manifest's frame: columns that only an image fills are unknown."""
    frame: pd.DataFrame = pa.Table.from_pylist(list(rows), schema=_schema(use_case)).to_pandas()
    return frame


def frame_of(rows: Sequence[Row], use_case: UseCase) -> pd.DataFrame:
    """Return rows as `read_manifest` would give them, without a file: unknown words are None, unknown numbers NaN."""
    return table_frame([_flat(row) for row in rows], use_case)


def read_manifest(folder: Path) -> pd.DataFrame:
    """Read a manifest as a frame with the columns above; unknown words are None, unknown numbers NaN.

    Raises:
        IntegrityError: it is missing or its schema is another version's.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise IntegrityError("missing_manifest", f"{path.name} is missing", "run `radloop ingest` again")
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise IntegrityError(
            "tampered_manifest", f"{path.name} cannot be read", "run `radloop data restore` or ingest again"
        ) from error
    if tuple(table.schema.names[: len(COLUMNS)]) != COLUMNS:
        raise IntegrityError("manifest_schema", f"{path.name} has another schema", "run `radloop ingest` again")
    frame: pd.DataFrame = table.to_pandas()
    return frame


def files_of(frame: pd.DataFrame) -> set[str]:
    """Return the stored files that rows name, images and masks, relative to the manifest."""
    return {str(path) for column in ("path", "mask") if column in frame for path in frame[column].dropna()}


def usable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that splits use: not excluded, and images rather than clips; positions stay the manifest's."""
    return frame[frame["excluded"].isna() & (frame["kind"] != "clip")]
