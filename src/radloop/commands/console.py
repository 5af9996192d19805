"""What every command shares: options, JSON on standard output and nothing else there, errors, progress."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import click

from radloop.errors import RadloopError
from radloop.progress import Step, listening
from radloop.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on standard output and nothing else there."
)


def _complete_use_cases(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
    from radloop.configuration import use_case_files

    return [name for name in use_case_files(Settings()) if name.startswith(incomplete)]


use_case_argument = click.argument("use_case", metavar="UC", shell_complete=_complete_use_cases)


class Outcome(Exception):  # noqa: N818 - it is no error: it carries a printed refusal's exit code
    """A result that is printed in full and still ends with an exit code."""

    def __init__(self, document: Mapping[str, Any], text: str, code: int) -> None:
        super().__init__(text)
        self.document = document
        self.text = text
        self.code = code


def answering(function: F) -> F:
    """Run a command: silence the tools, keep standard output clean under --json, and turn errors into exit codes.

    The function gets `settings` and returns (document, text); `--json` prints the document, people read the text.
    """

    @functools.wraps(function)
    def command(*args: Any, as_json: bool = False, **kwargs: Any) -> None:
        settings = _settings(as_json)
        os.environ.update(
            {name: value for name, value in settings.environment().items() if name not in ("RADLOOP_ROOT", "RADLOOP_HOME")}
        )
        code = 0
        with _clean_output() as out:
            try:
                with listening(_shower()):
                    document, text = function(*args, settings=settings, **kwargs)
            except Outcome as outcome:
                document, text, code = outcome.document, outcome.text, outcome.code
            except RadloopError as error:
                fail(error, as_json, out)
            except KeyboardInterrupt:
                click.echo("stopped; the same command goes on from here", err=True)
                sys.exit(130)
            _print(out, json.dumps(document, ensure_ascii=False) if as_json else text)
        sys.stderr.flush()
        sys.exit(code)

    return command  # type: ignore[return-value]


def _settings(as_json: bool) -> Settings:
    try:
        return Settings()
    except ValueError as error:
        from radloop.errors import ConfigError

        first = (getattr(error, "errors", list)() or [{"loc": ("",), "msg": str(error)}])[0]
        name = "RADLOOP_" + "_".join(str(part) for part in first["loc"]).upper()
        fail(ConfigError("invalid_setting", f"{name}: {first['msg']}", "correct the environment variable"), as_json, sys.stdout)


def fail(error: RadloopError, as_json: bool, out: Any) -> NoReturn:
    """Print an error and end with its exit code."""
    if as_json:
        _print(out, json.dumps({"error": error.as_dict()}, ensure_ascii=False))
    else:
        hint = f" ({error.hint})" if error.hint else ""
        click.echo(f"error: {error.message}{hint}", err=True)
    sys.stderr.flush()
    sys.exit(error.exit_code)


def _print(out: Any, text: str) -> None:
    if text:
        out.write(text + "\n")
        out.flush()


@contextmanager
def _clean_output() -> Iterator[Any]:
    """Send what libraries and child processes write to standard output to standard error instead."""
    sys.stdout.flush()
    try:
        keep = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # no real descriptors, as under a test runner that replaces them
        yield sys.stdout
        return
    with os.fdopen(keep, "w", encoding="utf-8") as out:
        try:
            yield out
        finally:
            sys.stdout.flush()
            os.dup2(out.fileno(), 1)


def _shower() -> Callable[[Step], None]:
    return _Bars() if sys.stderr.isatty() else _Lines()


class _Lines:
    """Plain lines: each epoch, and each tenth of a long count."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def __call__(self, step: Step) -> None:
        tenth = 10 * step.done // step.total if step.total else step.done // 200
        if step.note or self._last.get(step.stage) != tenth:
            self._last[step.stage] = tenth
            count = f"{step.done}/{step.total}" if step.total else str(step.done)
            click.echo(f"{step.stage} {step.note or count}", err=True)


class _Bars:
    """One bar a stage, on a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description:>9}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._tasks: dict[str, Any] = {}

    def __call__(self, step: Step) -> None:
        if step.stage not in self._tasks:
            self._tasks[step.stage] = self._progress.add_task(step.stage, total=step.total or None, note="")
            self._progress.start()
        self._progress.update(self._tasks[step.stage], completed=step.done, note=step.note)
        if step.done == step.total:
            self._progress.stop()


def say(text: str) -> None:
    """Tell a person something on standard error."""
    click.echo(text, err=True)
