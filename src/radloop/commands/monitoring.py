"""Commands about what was served: labels that come back, and the watch over drift and performance."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from radloop.commands.console import Outcome, answering, json_option, use_case_argument
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
        [
            *lines,
            f"{taken.written} written: {counts}"
            + (f"; {len(lines)} skipped" if lines else "")
            + (f"; {taken.blank} blank" if taken.blank else ""),
        ]
    )


@click.command()
@use_case_argument
@click.option("--since", metavar="DAY", type=click.DateTime(("%Y-%m-%d",)), help="Count and judge from this day on (UTC).")
@click.option("--fail-on-alarm", is_flag=True, help="Exit 3 while there is an alarm.")
@click.option("--request-retrain", is_flag=True, help="Ask for a retrain while there is an alarm; nothing is started here.")
@click.option(
    "--page",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the operations page goes; by default in the home.",
)
@json_option
@answering
def monitor(
    use_case: str, since: datetime | None, fail_on_alarm: bool, request_retrain: bool, page: Path | None, settings: Settings
) -> tuple[dict[str, Any], str]:
    """Drift, live performance and alarms of what is served, and the operations page: one self-contained HTML file.

    An alarm is a result: `alarm` is true and the exit code is 0, or 3 with --fail-on-alarm.

    Example:  radloop monitor phantom-cxr --since 2026-01-01
    """
    from radloop.monitoring.watch import monitor as watch
    from radloop.monitoring.watch import told

    start = int(since.replace(tzinfo=UTC).timestamp() * 1000) if since else 0
    document = watch(use_case, settings, start, request_retrain, page)
    text = told(document)
    if fail_on_alarm and document["alarm"]:
        raise Outcome(document, text, 3)
    return document, text
