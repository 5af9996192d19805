"""The command of external validation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radloop.commands.console import answering, json_option
from radloop.errors import InputError
from radloop.settings import Settings

if TYPE_CHECKING:
    from radloop.use_case import UseCase

_MARKS = {"passed": "ok", "failed": "NO", "not_evaluable": "NO", "not_applicable": "--"}
_PRINTED = ("use_case", "model_version", "bundle", "evidence", "number", "name", "data", "counts", "population")


@click.command()
@click.argument("name", metavar="UC@VERSION")
@click.option("--source", type=click.Path(path_type=Path), help="The other site's data: whatever `radloop ingest` reads.")
@click.option("--name", "called", metavar="NAME", help="What people call these data; never a patient's name.")
@click.option(
    "--mapping",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A YAML file with members of the section `source`, where columns or words differ from the use case's.",
)
@click.option("--other-patients", is_flag=True, help="Equal patient identifiers are other people; only images are compared.")
@json_option
@answering
def evaluate(
    name: str, source: Path | None, called: str | None, mapping: Path | None, other_patients: bool, settings: Settings
) -> tuple[dict[str, Any], str]:
    """Judge UC@champion, UC@candidate, UC@previous or UC@7 on another site's data, as an addendum to its evidence.

    The data are read as ingest reads them and kept nowhere. What the bundle learnt from is left out and counted. The verdict
    stays as it is; a reviewer may decide anew over both.

    Example:  radloop evaluate tb-cxr@champion --source ~/montgomery --name Montgomery
    """
    from radloop.commands.models import named_model
    from radloop.configuration import load_use_case
    from radloop.data.sources import check_exists
    from radloop.governance.external import evaluate_external

    if source is None:
        raise InputError("no_source", "evaluate needs a source", f"radloop evaluate {name} --source PATH")
    check_exists(source)
    version = named_model(name, settings)
    present = _mapped(load_use_case(version.use_case, settings), mapping)
    addendum, already = evaluate_external(version, source, present, settings, called, people=not other_patients)
    document = {key: addendum[key] for key in (*_PRINTED, "metrics", "metrics_all_test", "reasons", "would_pass")}
    document |= {key: addendum[key] for key in ("labels", "severity", "without_clinical") if key in addendum}
    return document | {"addendum": addendum["seal"], "already": already}, _told(addendum, already)


def _mapped(use_case: UseCase, mapping: Path | None) -> UseCase:
    """Return the use case with the members of a mapping's file.

    Raises:
        InputError: the file is missing or is no mapping.
    """
    if mapping is None:
        return use_case
    import yaml

    from radloop.governance.external import with_mapping

    if not mapping.is_file():
        raise InputError("missing_file", "there is no such mapping", "give a YAML file")
    try:
        members = yaml.safe_load(mapping.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError("invalid_yaml", "the mapping is not valid YAML", "mend the file") from error
    return with_mapping(use_case, members if isinstance(members, dict) else {"": members})


def _told(addendum: dict[str, Any], already: bool) -> str:
    from radloop.stages import headline

    use_case, version, counts = addendum["use_case"], addendum["model_version"], addendum["counts"]
    lines = [
        f"{use_case} version {version} on {addendum['name']}: {headline(addendum['metrics'])}, "
        f"{counts['judged']} images of {counts['patients']} patients"
    ]
    lines += [f"  left out: {count} {_words(reason)}" for reason, count in counts["left_out"].items()]
    if counts["in_test"]:
        lines.append(f"  {counts['in_test']} images are of the test that it was judged on")
    if counts["not_compared"]:
        lines.append(
            f"  {counts['not_compared']} images that it learnt from cannot be decoded: what looks like them was not found"
        )
    lines += [f"  {_MARKS[reason['status']]}  {reason['rule']}: {reason['sentence']}" for reason in addendum["reasons"]]
    there = ", which was there already" if already else ""
    lines.append(f"addendum {addendum['number']}{there}: {addendum['seal']}; evidence and verdict stay as they are")
    return "\n".join([*lines, f"next: a reviewer may decide anew over both: radloop review show {use_case} {version}"])


def _words(reason: str) -> str:
    """Return why images are not judged, as people read it."""
    kind, _, what = reason.partition(":")
    sayings = {
        "learnt_from": "that share the {} with what it learnt from",
        "quarantine": "in quarantine for {}",
        "unreadable": "that cannot be read: {}",
        "inadmissible": "that it may not be asked about: {}",
        "erased": "of erased patients",
    }
    shared = {"identical": "pixels", "near_duplicate": "picture"}
    return sayings[kind].format(shared.get(what, what.replace("_", " ")))
