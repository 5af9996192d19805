"""Commands that run the loop: retrain, and one stage of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from radloop.commands.console import Outcome, answering, json_option, use_case_argument
from radloop.settings import Settings
from radloop.stages import STAGES, Budget, headline

_trials = click.option("--trials", type=click.IntRange(min=1), help="Number of trials; the YAML's by default.")
_epochs = click.option("--max-epochs", type=click.IntRange(min=1), help="Epochs a trial at the most.")
_minutes = click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="No new trial starts after this long.")


@click.command()
@use_case_argument
@click.option("--source", type=click.Path(path_type=Path), help="Ingest this first; without it the data is used as it stands.")
@click.option("--when-due", is_flag=True, help="Only where an alarm or new data ask for it, and cool-down and budget allow it.")
@_trials
@_epochs
@_minutes
@json_option
@answering
def retrain(
    use_case: str,
    source: Path | None,
    when_due: bool,
    trials: int | None,
    max_epochs: int | None,
    minutes: float | None,
    settings: Settings,
) -> tuple[dict[str, Any], str]:
    """Run the whole loop as a Prefect flow, up to a candidate awaiting review.

    Killed at any moment, the same command goes on from what was finished.

    Example:  radloop retrain tb-cxr --source ~/shenzhen --trials 4
    """
    from radloop.errors import InputError
    from radloop.stages import check_request, load

    if when_due and source is not None:
        raise InputError("source_when_due", "--when-due looks at the data as they stand", "radloop ingest UC --source PATH first")
    check_request(load(use_case, settings, Budget(trials, max_epochs, minutes)), source, settings)
    from radloop.flows.command_line import run_flow, run_when_due

    if when_due:
        looked = run_when_due(use_case, trials, max_epochs, minutes, settings)
        if looked["retrained"] is None:
            return looked, f"{use_case} is not retrained: {looked['sentence']}"
        document = looked["retrained"]
    else:
        document = run_flow(use_case, source, trials, max_epochs, minutes, settings)
    text = _summary(document, settings)
    if document["verdict"] != "passed":
        raise Outcome(document, text, 3)
    return document, text


def _summary(document: dict[str, Any], settings: Settings) -> str:
    from radloop.governance.keys import who_decides

    marks = {"passed": "ok", "failed": "NO", "not_evaluable": "NO", "not_applicable": "--"}
    use_case, version = document["use_case"], document["model_version"]
    lines = [f"  {marks[reason['status']]}  {reason['rule']}: {reason['sentence']}" for reason in document["reasons"]]
    if document["verdict"] == "passed":
        approve = f"radloop review approve {use_case} {version} {who_decides(settings)} --note TEXT"
        end = f"next: a reviewer reads the report and runs\n  {approve}\n  radloop deploy {use_case}"
    else:
        end = "rejected: no alias was moved; the evidence is kept."
        for proposal in document["proposals"]:
            yaml = proposal["yaml"].rstrip().replace("\n", "\n    ")
            end += f"\nwhat may help ({', '.join(proposal['rules'])}): {proposal['sentence']} In the use case's YAML:\n    {yaml}"
    seconds = document["seconds"]["total"]
    head = (
        f"{use_case} version {version}: {document['verdict']} by the gate, test {headline(document['metrics'])}, {seconds:.0f} s"
    )
    return "\n".join([head, *lines, f"report: {document['report']}", end])


@click.command()
@click.argument("name", metavar="NAME", type=click.Choice(list(STAGES)))
@use_case_argument
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the result there too, as NAME.json: what dvc.yaml reads.",
)
@_trials
@_epochs
@_minutes
@json_option
@answering
def stage(
    name: str,
    use_case: str,
    out: Path | None,
    trials: int | None,
    max_epochs: int | None,
    minutes: float | None,
    settings: Settings,
) -> tuple[dict[str, Any], str]:
    """Run one stage: validate, search, package, evaluate or promote.

    Example:  radloop stage validate phantom-cxr
    """
    from radloop.pipeline import write_stage
    from radloop.records.runs import locked
    from radloop.stages import load, open_work, run_stage, runs_folder

    found = load(use_case, settings, Budget(trials, max_epochs, minutes))
    with locked(runs_folder(use_case, settings)):
        work = open_work(found, settings)
        result = run_stage(name, work)
        if name == "promote":
            work.run.finish()
    if out is not None:
        write_stage(name, result, work, out)
    document = {"use_case": use_case, "stage": name, "run": work.run.name, "data_version": work.data.version, **result}
    text = f"{name} of {use_case} done in run {work.run.name}"
    if name == "promote" and result["verdict"] != "passed":
        raise Outcome(document, f"{text}: rejected by the gate", 3)
    return document, text
