"""The command that removes what nothing needs any more."""

from __future__ import annotations

from typing import Any

import click

from radloop.commands.console import answering, json_option
from radloop.settings import Settings


@click.command()
@click.option("--yes", "delete", is_flag=True, help="Remove what is listed; without it nothing is touched.")
@json_option
@answering
def gc(delete: bool, settings: Settings) -> tuple[dict[str, Any], str]:
    """List, and with --yes remove, what no evidence, approval or recorded answer needs any more.

    Trial checkpoints of finished runs, abandoned runs, unused caches, networks that the gate rejected long ago, old Bentos, and
    what was recorded of answers beyond RADLOOP_RECORD_DAYS. What was removed is written to an append-only record.

    Example:  radloop gc --yes
    """
    from radloop.governance.retention import sweep

    swept = sweep(settings, delete=delete)
    wide = max((len(item.name) for item in swept.items), default=0)
    lines = [f"{_amount(item.kind, item.bytes):>12}  {item.name:<{wide}}  {item.why}" for item in swept.items]
    lines += [f"left alone: {name}: {why}" for name, why in swept.kept.items()]
    if not swept.items:
        lines.append("nothing to remove")
    elif delete:
        lines.append(f"removed {len(swept.items)} items, {swept.bytes / 1e6:.1f} MB")
    else:
        lines.append(f"{len(swept.items)} items, {swept.bytes / 1e6:.1f} MB; `radloop gc --yes` removes them")
    return swept.as_dict(), "\n".join(lines)


def _amount(kind: str, number: int) -> str:
    return f"{number} answers" if kind == "answers" else f"{number / 1e6:.1f} MB"
