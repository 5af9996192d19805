"""What retraining may change without a new plan."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from radloop.use_case.section import Section

Pattern = Annotated[str, Field(pattern=r"^[a-z0-9_]+(\.[A-Za-z0-9_-]+)*(\.\*)?$")]


class Changes(Section):
    """The permitted changes, agreed on before the first version.

    After FDA's guidance on predetermined change control plans (Marketing Submission Recommendations for a Predetermined
    Change Control Plan for AI-Enabled Device Software Functions, 2024): what may be modified is said in advance, and whatever
    else changes is another device, here another use case. The plan in force is the champion's, so that a candidate permits
    itself nothing; what a change must reach is the policy.
    """

    permitted: tuple[Pattern, ...] = ()
    """Dotted paths of this YAML, `data.version`, `code.commit`, `code.lock`; with `.*` all that lies below."""


def covers(pattern: str, path: str) -> bool:
    """Tell whether a pattern names a path, or with `.*` something above it.

    Example:
        >>> covers("search.*", "search.trials"), covers("search.*", "search"), covers("search", "search.trials")
        (True, False, False)
    """
    return path.startswith(pattern[:-1]) if pattern.endswith(".*") else path == pattern
