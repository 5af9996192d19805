"""What changed since the champion, against the plan that was agreed on in advance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from radloop.governance.judges.reading import Evidence, at, first_version
from radloop.governance.judges.reason import Reason, missing, no_champion
from radloop.use_case import ChangesRule, covers

_LONGEST = 60
"""Characters of a value in a sentence."""


def permitted(evidence: Evidence, rule: ChangesRule) -> list[Reason]:
    """Judge every change since the champion by its plan; each that it does not permit is a reason of its own."""
    alone = no_champion(rule.name, first_version(evidence), rule.first is not None)
    if alone is not None:
        return [alone]
    found = at(evidence, "changes")
    changed, plan = at(found, "changed"), at(found, "permitted")
    if not isinstance(changed, Mapping) or not _is_plan(plan) or not all(_is_pair(pair) for pair in changed.values()):
        why = at(found, "reason")
        because = f" ({why})" if isinstance(why, str) and why else ""
        return [missing(rule.name, f"What changed since the champion, or what may, is not known{because}")]
    since, said = f"since version {at(found, 'since')}", ", ".join(plan)
    outside = [path for path in changed if not any(covers(pattern, path) for pattern in plan)]
    if outside:
        return [
            Reason(
                f"{rule.name}[{path}]",
                "failed",
                None,
                None,
                f"{path} changed {since} from {_short(changed[path][0])} to {_short(changed[path][1])}; the plan permits {said}. "
                "What it does not permit is another use case: give it a name of its own.",
            )
            for path in outside
        ]
    names = ", ".join(changed) or "nothing"
    return [Reason(rule.name, "passed", None, None, f"Changed {since}: {names}; the plan permits {said}.")]


def _is_plan(plan: Any) -> bool:
    return isinstance(plan, list) and bool(plan) and all(isinstance(pattern, str) and pattern for pattern in plan)


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, Sequence) and not isinstance(pair, str) and len(pair) == 2


def _short(value: Any) -> str:
    """Return a value as a sentence holds it."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"
