"""Makes exports: JSON at once, the others in a process of their own.

Their tools (highdicom, PlutoPrint) cost the service no memory there, and a file that they cannot stand takes nothing down
with it. It is told everything on its standard input and writes to its standard output: no file lies anywhere.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import Any

from radloop.serving.reading.exports.kinds import Export, Made

_SECONDS = 60
_DICOM = "application/dicom"
MEDIA = {"pdf": "application/pdf", "html": "text/html", "json": "application/json", "sr": _DICOM, "capture": _DICOM}


def press(export: Export) -> Made:
    """Make one export.

    Returns:
        the file; of a PDF where PlutoPrint is not installed, the page as HTML, for the browser to print.

    Raises:
        ValueError: it cannot be made of this file; the message names no identifier.
        OSError: the process could not be run.
    """
    if export.kind == "json":
        document = {"use_case": export.facts.get("title"), "not_a_medical_device": True, "answer": export.answer}
        document |= {"clip": export.clip} if export.clip else {}
        return Made(json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n", MEDIA["json"])
    job = {"kind": export.kind, "answer": export.answer, "facts": export.facts, "picture": export.picture}
    content = b"" if export.clip else export.content  # of a clip nothing is made that needs its file
    line = json.dumps(job | {"clip": export.clip, "content": base64.b64encode(content).decode("ascii")}).encode()
    command = [sys.executable, "-m", "radloop.serving.reading.exports.worker"]
    try:
        done = subprocess.run(command, input=line, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise ValueError("it took too long") from None
    if done.returncode != 0:
        raise ValueError(_reason(done.stderr))
    kind, _, content = done.stdout.partition(b"\n")
    return Made(content, MEDIA[kind.decode()])


def _reason(text: bytes) -> str:
    """Return the worker's own sentence; what a library wrote could quote an identifier."""
    last: Any = text.decode(errors="replace").strip().splitlines()[-1:]
    return last[0].removeprefix("refused: ") if last and last[0].startswith("refused: ") else "a tool failed on this file"
