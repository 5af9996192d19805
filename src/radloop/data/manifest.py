"""The manifest: one row an image, as Parquet with a fixed schema and fixed bytes.

| column | type | meaning |
|---|---|---|
| id | string | the first 16 hexadecimal digits of the stored file's sha256, `-2` for its second copy |
| path | string | the stored file, relative to the manifest |
| label | string | one of the use case's label words |
| patient | string | the pseudonym |
| split | string | train, tune, calibrate, test |
| site, sex, view | string or null | null is unknown |
| age | float or null | years |
| extent | float or null | how much of the organ the finding covers, where the source knows |
| rows, columns | int | pixels |
| sha256 | string | of the stored file |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from radloop.errors import IntegrityError

SCHEMA_VERSION = 1
FILE_NAME = "manifest.parquet"

_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("path", pa.string()),
        ("label", pa.string()),
        ("patient", pa.string()),
        ("split", pa.string()),
        ("site", pa.string()),
        ("sex", pa.string()),
        ("view", pa.string()),
        ("age", pa.float64()),
        ("extent", pa.float64()),
        ("rows", pa.int32()),
        ("columns", pa.int32()),
        ("sha256", pa.string()),
    ],
    metadata={"radloop.schema_version": str(SCHEMA_VERSION)},
)


@dataclass(frozen=True)
class Row:
    """One image of the manifest; the fields are the columns above."""

    id: str
    path: str
    label: str
    patient: str
    split: str
    site: str | None
    sex: str | None
    view: str | None
    age: float | None
    extent: float | None
    rows: int
    columns: int
    sha256: str


def write_manifest(folder: Path, rows: Sequence[Row]) -> Path:
    """Write the rows in the given order; equal rows give equal bytes with one pyarrow version."""
    table = pa.Table.from_pylist([asdict(row) for row in rows], schema=_SCHEMA)
    path = folder / FILE_NAME
    # No compression and no dictionary: codecs differ in bytes between machines, the data version must not.
    pq.write_table(
        table, path, compression="none", use_dictionary=False, write_statistics=False, version="2.6", data_page_version="1.0"
    )
    return path


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
    if table.schema.names != _SCHEMA.names:
        raise IntegrityError("manifest_schema", f"{path.name} has another schema", "run `radloop ingest` again")
    frame: pd.DataFrame = table.to_pandas()
    return frame
