"""Commands about labels that are wanted: the work list, and the answers that have one as a source of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from radloop.commands.console import answering, json_option, use_case_argument
from radloop.settings import Settings

_files = click.Path(path_type=Path, file_okay=False)


@click.command()
@use_case_argument
@click.option("--n", "number", type=click.IntRange(min=1), default=20, show_default=True, help="How many requests.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the list as a CSV to fill in.")
@click.option("--files", metavar="FOLDER", type=_files, help="Where the images lie: the CSV says which file each request was.")
@json_option
@answering
def queue(use_case: str, number: int, out: Path | None, files: Path | None, settings: Settings) -> tuple[dict[str, Any], str]:
    """The labelling queue: the unlabelled answers that are most worth a reader's time.

    Fill in `label` and give the CSV to `radloop feedback`; rows left blank are passed over.

    Example:  radloop queue phantom-cxr --n 20 --out queue.csv
    """
    from radloop.errors import InputError
    from radloop.monitoring.labelled import files_of
    from radloop.monitoring.queue import as_csv
    from radloop.monitoring.queue import queue as chosen

    if files is not None and out is None:
        raise InputError("out_missing", "--files says where the images lie in a CSV only", "give --out queue.csv")
    found = chosen(use_case, settings, number)
    document = found.as_dict()
    if out is not None:
        names = [item.request_id for item in found.requests]
        paths = None if files is None else {name: str(path) for name, path in files_of(names, files, settings).items()}
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(as_csv(found, paths), encoding="utf-8")
        document |= {"out": str(out), "located": None if paths is None else len(paths)}
    head = (
        f"{use_case} version {found.version}: {len(found.requests)} of {found.unlabelled} unlabelled answers, "
        f"one a patient and a file; {found.labelled} have a label"
    )
    lines = [f"  {item.request_id}  {item.score:6.2f}  {item.why}" for item in found.requests]
    return document, "\n".join([head, *lines, *([f"fill in {out}, then: radloop feedback {out}"] if out else [])])


@click.command()
@use_case_argument
@click.option("--files", metavar="FOLDER", required=True, type=_files, help="The images, and their manifest.csv if there is one.")
@click.option("--out", metavar="DIR", required=True, type=_files, help="What `radloop ingest UC --source DIR --add` reads.")
@json_option
@answering
def labelled(use_case: str, files: Path, out: Path, settings: Settings) -> tuple[dict[str, Any], str]:
    """The answered images that readers labelled, as a source for `radloop ingest UC --source DIR --add`.

    The record keeps no images, only a keyed hash of each file: FOLDER is searched for files of those hashes.

    Example:  radloop labelled phantom-cxr --files ~/sent --out ~/labelled
    """
    from radloop.configuration import load_use_case
    from radloop.monitoring.labelled import write_source

    found = write_source(load_use_case(use_case, settings), files, out, settings)
    text = f"{found.images} of {found.labelled} labelled answers found among {found.files} files"
    if found.without_patient:
        text += f"; {found.without_patient} images name no patient: each counts as a patient of its own"
    more = f"\nnext: radloop ingest {use_case} --source {out} --add" if found.images else ""
    return found.as_dict() | {"out": str(out)}, text + more
