"""Commands about what was served: labels that come back, and the watch over drift and performance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from radloop.commands.console import Outcome, answering, json_option
from radloop.settings import Settings


@click.command()
@click.argument("file", metavar="FILE.csv", type=click.Path(path_type=Path))
@click.option("--reader", metavar="NAME", help="Who read, for rows that do not say; never a patient.")
@click.option("--settle", is_flag=True, help="These labels outweigh what readers disagree on.")
@click.option("--skip-bad", is_flag=True, help="Take the good rows although others are bad.")
@json_option
@answering
def feedback(file: Path, reader: str | None, settle: bool, skip_bad: bool, settings: Settings) -> tuple[dict[str, Any], str]:
    """Take confirmed labels from a CSV: request_id,label[,reader]; several findings are separated by |.

    Nothing is written while a row is bad, unless --skip-bad. The same label again is no second one; a reader's later label
    takes the place of the earlier; readers that differ contradict each other until one gives way or --settle decides.

    Example:  radloop feedback confirmed.csv --reader "Dr. Ito"
    """
    from radloop.monitoring.feedback_table import read_table, take_table

    taken = take_table(read_table(file), settings, reader=reader, settles=settle, skip_bad=skip_bad)
    lines = [f"line {row.row}: {row.message}" for row in taken.bad]
    counts = ", ".join(f"{number} {status}" for status, number in taken.counts.items())
    if taken.bad and not skip_bad:
        text = "\n".join(
            [*lines, f"nothing was written: {len(taken.bad)} bad lines ({counts} otherwise); mend them, or --skip-bad"]
        )
        raise Outcome(taken.as_dict(), text, 3)
    return taken.as_dict(), "\n".join(
        [*lines, f"{taken.written} written: {counts}" + (f"; {len(lines)} skipped" if lines else "")]
    )
