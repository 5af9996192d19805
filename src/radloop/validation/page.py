"""The verdict as one page that needs no network: the Data Docs take their styles from one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from radloop.records.seal import write_atomic
from radloop.use_case import UseCase
from radloop.validation.check import Check

_MOST_LEAKS = 500
_STYLE = """body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1b1b1b;background:#fff}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;
border-bottom:1px solid #ccc;overflow-wrap:anywhere}.no{color:#a40000;font-weight:600}.warns{color:#8a4b00;font-weight:600}
code{font-size:.85em}"""


def write_page(
    use_case: UseCase, data_version: str, checks: Sequence[Check], leaks: Sequence[Mapping[str, Any]], path: Path
) -> Path:
    """Write the page and return its path; the first 500 leaks are listed."""
    failed = sum(not check.success and check.level == "stop" for check in checks)
    warned = sum(not check.success and check.level == "warn" for check in checks)
    title = escape(f"{use_case.name}: the data is {'refused' if failed else 'accepted'}")
    known = f"Data version <code>{escape(data_version)}</code>. " if data_version else ""
    # What failed comes first; a sort by key keeps the order of the suites inside.
    ordered = sorted(checks, key=lambda check: (check.success, check.level))
    write_atomic(
        path,
        f"""<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>
<p>{known}{len(checks)} checks: {failed} refuse, {warned} warn.</p>
<table><thead><tr><th>Result<th>Check<th>Code<th>Level<th>Seen</thead><tbody>
{"".join(_row(check) for check in ordered)}</tbody></table>{_leaks(leaks)}</html>
""".encode(),
    )
    return path


def _row(check: Check) -> str:
    word, style = ("holds", "holds") if check.success else ("no", "no") if check.level == "stop" else ("warns", "warns")
    count = f"{check.failing} fail" if check.failing and not check.success else ""
    rows = f"<code>{escape(', '.join(check.rows))}</code>" if check.rows and not check.success else ""
    seen = "<br>".join(part for part in (escape(check.observed or ""), count, rows) if part)
    cells = f'<td class="{style}">{word}<td>{escape(check.name)}<td><code>{check.code}</code><td>{check.level}<td>{seen}'
    return f"<tr>{cells}</tr>\n"


def _leaks(leaks: Sequence[Mapping[str, Any]]) -> str:
    if not leaks:
        return ""
    rows = "".join(
        f"<tr><td>{escape(str(leak['kind']).replace('_', ' '))}<td>{escape(', '.join(leak['splits']))}"
        f"<td>{'stands' if leak.get('stands', True) else 'dropped'}"
        f"<td><code>{escape(', '.join(map(str, leak['rows'])))}</code></tr>\n"
        for leak in leaks[:_MOST_LEAKS]
    )
    more = f"<p>The first {_MOST_LEAKS} of {len(leaks)}.</p>" if len(leaks) > _MOST_LEAKS else ""
    head = "<tr><th>Kind<th>Splits<th>Now<th>Rows"
    return f"<h2>Leaks across splits</h2>{more}<table><thead>{head}</thead><tbody>{rows}</tbody></table>"
