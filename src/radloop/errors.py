"""Every error that Radloop raises on purpose.

RadloopError                 has a stable code, a message, a hint and an exit code
├── InputError        (2)    the command or its input cannot be understood; nothing was written
│   └── ConfigError          a use case's YAML or a setting is wrong
├── Refusal           (3)    understood and refused: gate, approval, admissibility, integrity
│   ├── InadmissibleImage    this model may not be asked about this image
│   └── IntegrityError       bytes are not those that were sealed
└── ToolError         (1)    a tool of the loop failed

A caller who wants one `except` writes::

    try:
        predictor.predict(image)
    except RadloopError as error:
        print(error.code, error.message, error.hint)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RadloopError(Exception):
    """The base of every deliberate error.

    Attributes:
        code: a stable snake_case word that programs may rely on.
        message: what is wrong and where, in one line, without a patient's identifier.
        hint: what to do about it.
    """

    exit_code = 1

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type[RadloopError], tuple[str, str, str]]:
        """Survive the trip between processes: Exception alone would lose the code."""
        return type(self), (self.code, self.message, self.hint)

    def as_dict(self) -> dict[str, str]:
        """Return the error as `--json` prints it."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


class InputError(RadloopError):
    """Raise when a command or its input cannot be understood."""

    exit_code = 2


class ConfigError(InputError):
    """Raise when a YAML file or a setting is wrong."""


class Refusal(RadloopError):  # noqa: N818 - the design's word
    """Raise when a request is understood and the answer is no."""

    exit_code = 3


class InadmissibleImage(Refusal):
    """Raise when an image lies outside what a model may be asked about."""


class IntegrityError(Refusal):
    """Raise when bytes differ from those that were sealed; the message names the file."""


class ToolError(RadloopError):
    """Raise when a tool of the loop fails; the message carries its last line."""


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return a `did you mean` sentence for a mistyped word, or the list of valid ones."""
    known = sorted(choices)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else "valid: " + ", ".join(known)
