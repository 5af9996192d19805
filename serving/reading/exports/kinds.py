"""What an answer can be exported as, and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

Can = Callable[[bytes, Mapping[str, Any] | None], bool]


@dataclass(frozen=True)
class Export:
    """One file to be made.

    Attributes:
        kind: a name of `KINDS`.
        answer: as the service sent it.
        facts: of its use case, as `/v1/use_cases` lists it.
        picture: what the viewer shows, None where nothing.
        content: the file that was answered for.
        clip: the answer's frames, None of an image.
    """

    kind: str
    answer: Mapping[str, Any]
    facts: Mapping[str, Any]
    picture: Mapping[str, Any] | None
    content: bytes
    clip: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Made:
    """A file that was made."""

    content: bytes
    media_type: str


@dataclass(frozen=True)
class Kind:
    """A form of export.

    Attributes:
        label: on its button.
        suffix: of the file's name.
        can: whether a file and its picture allow it.
    """

    label: str
    suffix: str
    can: Can


def is_dicom(content: bytes) -> bool:
    """Tell whether a file names itself DICOM (PS3.10 section 7.1)."""
    return content[128:132] == b"DICM"


def _always(content: bytes, picture: Mapping[str, Any] | None) -> bool:
    return bool(content) or picture is not None


def _structured(content: bytes, picture: Mapping[str, Any] | None) -> bool:
    return is_dicom(content) and picture is not None and find_spec("highdicom") is not None


def _captured(content: bytes, picture: Mapping[str, Any] | None) -> bool:
    return bool(content) and picture is not None and find_spec("highdicom") is not None


KINDS: Mapping[str, Kind] = {
    "pdf": Kind("PDF", "pdf", _always),
    "json": Kind("JSON", "json", _always),
    "sr": Kind("DICOM SR", "sr.dcm", _structured),
    "capture": Kind("DICOM image", "sc.dcm", _captured),
}
