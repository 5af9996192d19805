"""OpenVINO, imported on first use and without its telemetry."""

from __future__ import annotations

import sys
from typing import Any


def load_openvino() -> Any:
    """Return the `openvino` module.

    Importing it takes a third of a second, which commands that run no network should not pay. Its
    converter reports each use to an analytics server unless its telemetry package is missing, and
    reads no environment variable of ours; so that package is made to look missing.
    """
    if "openvino" not in sys.modules:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino
