"""How a source's columns, words and folders map to the manifest's."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from radloop.use_case.section import Section, Sex, Split


class Columns(Section):
    """The source's name of each column; null where the source has none."""

    path: str = "path"
    label: str = "label"
    patient: str | None = None
    group: str | None = None
    """Images of one group never cross a split, even where the patient is unknown."""
    split: str | None = None
    sex: str | None = None
    age: str | None = None
    site: str | None = None
    view: str | None = None
    device: str | None = None
    extent: str | None = None
    """How much, or how grave: what `severity` grades."""
    mask: str | None = None
    """The path of an outline, bright inside, beside the manifest."""
    boxes: str | None = None
    """Boxes as numbers, four each."""


class Blocks(Section):
    """Groups made of neighbouring slices, where a source names neither patients nor groups."""

    pattern: str
    """A regular expression over the file's path: its last group is the slice's number, those before name the series."""
    size: int = Field(ge=2)
    """How many consecutive numbers belong together."""


class Clinical(Section):
    """One clinical value that goes with an image."""

    column: str
    """The source's column."""
    unit: str | None = None
    """UCUM code, such as `Cel` or `%`; null for a category."""
    low: float | None = None
    high: float | None = None
    """A number outside is unknown, with a note."""
    words: dict[str, str] = Field(default={})
    """For a category: the source's words to ours; other words are unknown, with a note."""


class Source(Section):
    """How a source's columns, words and folders map to the manifest's."""

    columns: Columns = Columns()
    labels: dict[str, str] = Field(default={})
    """The source's label words to ours; ours need no entry."""
    splits: dict[str, Split] = Field(default={})
    """The source's split words to ours; empty means that its split is not used."""
    sexes: dict[str, Sex] = Field(default={"F": "F", "M": "M", "female": "F", "male": "M", "f": "F", "m": "M"})
    extent_from: dict[str, float] = Field(default={})
    """Columns of yes and no with the extent that a yes stands for; the largest counts, 0 where all say no."""
    boxes_as: Literal["pixels_x0_y0_x1_y1", "shares_cx_cy_w_h"] = "pixels_x0_y0_x1_y1"
    """What the numbers of a box are: pixels, or shares of the image's width and height."""
    dicom_label: str | None = None
    """The DICOM keyword that holds the label in a bare folder of DICOM files."""
    readers: dict[str, str] = Field(default={})
    """Columns with readers' answers, in the label's words, to what the reader is called: a role, never a person's name."""
    label_separator: str | None = None
    """What stands between the findings of a multi-label column, such as `|`."""
    patient_pattern: str | None = None
    """A regular expression whose first group finds the patient in a file name (class folders)."""
    patient_per_split: bool = False
    """The source numbers its patients anew in every split: equal numbers are different people."""
    blocks: Blocks | None = None
    max_unreadable: int = Field(default=10, ge=0)
    """How many unreadable images ingest leaves out before it refuses the source."""

    @field_validator("readers")
    @classmethod
    def _are_called_apart(cls, readers: dict[str, str]) -> dict[str, str]:
        strange = [name for name in readers.values() if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", name)]
        if strange:
            raise ValueError(f"'{strange[0]}' is no reader's name: use small letters, digits and _, such as senior_1")
        if len(set(readers.values())) < len(readers):
            raise ValueError("two columns have one reader's name")
        return readers
