"""The files beside this one: styles, scripts and templates of the page."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def text(name: str) -> str:
    """Return a file beside this one."""
    return resources.files("radloop.serving.reading").joinpath(name).read_text(encoding="utf-8")
