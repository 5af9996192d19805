"""What the pages share: templates, numbers in words, and a file that is whole or not there."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from radloop.records.seal import write_atomic


def write_page(template: str, path: Path, package: str = "radloop.exploration", **values: Any) -> Path:
    """Render a template to a file; every text is escaped.

    Args:
        template: its name.
        path: of the file; its folder is made.
        package: that holds the template; it may extend those of this package.
        values: what the template shows.

    Raises:
        OSError: the folder cannot be made or written.
    """
    text = _environment(package).get_template(template).render(**values)
    write_atomic(path, text.encode("utf-8"))
    return path


@cache
def _environment(package: str) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(name, "") for name in dict.fromkeys((package, "radloop.exploration"))]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown: dict[str, Callable[..., Any]] = {"count": _count, "share": share, "number": _number}
    environment.filters.update(shown)
    return environment


def _count(value: int) -> str:
    return f"{value:,}"


def share(part: int, whole: int) -> str:
    """Return a share as percent, or a dash where there is nothing to share."""
    if not whole:
        return "\N{EN DASH}"
    percent = 100 * part / whole
    return "<1%" if 0 < percent < 1 else ">99%" if 99 < percent < 100 else f"{percent:.0f}%"


def _number(value: float | None) -> str:
    return "unknown" if value is None or math.isnan(value) else f"{value:.4g}"
