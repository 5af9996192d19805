"""The command `radloop`: groups and options only; what a command needs is imported when it runs."""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import sys
import threading

import click

from radloop import __version__

# Naming modules and texts here keeps `radloop --help` and tab completion from importing anything.
_MODULES: dict[str, tuple[str, str]] = {
    "use-cases": ("radloop.commands.data", "List the use cases with their data, champion and candidate."),
    "ingest": ("radloop.commands.data", "Images in: de-identified, listed, versioned with DVC."),
    "explore": ("radloop.commands.data", "The page to look at before training."),
    "data": ("radloop.commands.versioning", "What changed between data versions; the exact bytes behind a model."),
    "validate": ("radloop.commands.data", "The data's verdict by Great Expectations, with a browsable report."),
    "phantoms": ("radloop.commands.data", "Write synthetic DICOM phantoms, with planted defects for rehearsals."),
    "retrain": ("radloop.commands.loop", "The whole loop, up to a candidate awaiting review."),
    "stage": ("radloop.commands.loop", "One stage of the loop."),
    "evaluate": ("radloop.commands.evaluate", "External validation: judged on another site's data, as an addendum."),
    "report": ("radloop.commands.review", "The evidence as a page with figures."),
    "review": ("radloop.commands.review", "List, show, approve or reject judged versions."),
    "trace": ("radloop.commands.review", "From an answer or a model back to the bytes of its training data."),
    "keys": ("radloop.commands.keys", "Reviewers' keys and API keys: make, list, revoke."),
    "deploy": ("radloop.commands.serving", "Verify an approved version and serve it, no request lost."),
    "rollback": ("radloop.commands.serving", "Serve the previous champion again."),
    "challenger": ("radloop.commands.challenger", "A version beside the champion: as a shadow, as a canary, compared."),
    "serve": ("radloop.commands.serving", "The HTTP service and the reading page, with every champion."),
    "predict": ("radloop.commands.serving", "The service's answer, on the command line."),
    "replay": ("radloop.commands.replay", "A recorded answer again, from the same file."),
    "monitor": ("radloop.commands.monitoring", "Drift, live performance and alarms of what is served."),
    "feedback": ("radloop.commands.monitoring", "Confirmed labels of answers, from a CSV."),
    "queue": ("radloop.commands.queue", "Which answers are most worth a label."),
    "labelled": ("radloop.commands.queue", "Answered images with their labels, as a source for ingest."),
    "erase": ("radloop.commands.versioning", "One patient out of data, caches and records."),
    "gc": ("radloop.commands.retention", "What nothing needs any more: list it, remove it."),
    "up": ("radloop.commands.place", "Prefect, MLflow and the service, with their addresses."),
    "doctor": ("radloop.commands.place", "What is missing or differs on this machine, and how to mend it."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when the command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands in the order of the loop."""
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return a command."""
        if cmd_name not in _MODULES:
            return None
        module = importlib.import_module(_MODULES[cmd_name][0])
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _MODULES.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Offer the nearest command for a mistyped one."""
        from radloop.errors import nearest

        if args and args[0] not in _MODULES and not args[0].startswith("-"):
            raise click.UsageError(f"unknown command '{args[0]}'; {nearest(args[0], _MODULES)}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="radloop")
def main() -> None:
    """Radloop: radiology in a closed loop.

    Images are ingested, validated, searched, packaged, judged, approved by a person, served and watched.

    \b
    Example:  radloop retrain phantom-cxr
    Exit codes:  0 done, 2 not understood, 3 refused, 1 anything else.
    Tab completion:  eval "$(_RADLOOP_COMPLETE=bash_source radloop)"
    """  # noqa: D301 - click's mark for lines that stay as they are


def entry() -> None:
    """Run the command and end the process at once.

    After training, Python takes seconds to take down torch, OpenVINO and MLflow module by module; it frees nothing that
    the kernel does not. What is registered to run at exit (Prefect's last logs, the embedded server) still runs.
    """
    # Importing the tools makes a million objects that stay; looking through them for garbage is a sixth of the start.
    gc.set_threshold(100_000, 50, 100)
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    sys.stdout.flush()
    sys.stderr.flush()
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    os._exit(code)
