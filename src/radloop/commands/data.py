"""Commands about data: use cases, ingest, validation, phantoms."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radloop.commands.console import Outcome, answering, json_option, use_case_argument
from radloop.errors import InputError, nearest
from radloop.progress import report
from radloop.settings import Settings

if TYPE_CHECKING:
    from radloop.data.ingest import IngestResult
    from radloop.use_case import UseCase


@click.command("use-cases")
@json_option
@answering
def use_cases(settings: Settings) -> tuple[dict[str, Any], str]:
    """List the use cases with their data, champion and candidate.

    Example:  radloop use-cases --json
    """
    from radloop.configuration import load_use_case, use_case_files
    from radloop.data.versions import pinned

    rows = []
    for name in use_case_files(settings):
        use_case = load_use_case(name, settings)
        data = pinned(name, settings)
        rows.append(
            {"name": name, "title": use_case.title, "data_version": data.version if data else None, **_aliases(name, settings)}
        )
    wide = max((len(str(row["name"])) for row in rows), default=0)
    lines = []
    for row in rows:
        lines += [f"{row['name']:<{wide}} {row['title']}", f"{'':<{wide}} data {row['data_version'] or 'none'}, {_named(row)}"]
    return {"use_cases": rows}, "\n".join(lines)


def _aliases(name: str, settings: Settings) -> dict[str, int | None]:
    """Return champion and candidate; an installation without a registry has neither, and MLflow is not imported to say so."""
    if settings.mlflow_uri is None and not (settings.place / "mlflow" / "mlflow.db").is_file():
        return {"champion": None, "candidate": None}
    from radloop.governance.registry import Registry

    aliases = Registry(name, settings).aliases()
    return {"champion": aliases.get("champion"), "candidate": aliases.get("candidate")}


def _named(row: dict[str, Any]) -> str:
    return ", ".join(f"{alias} {'version ' + str(row[alias]) if row[alias] else 'none'}" for alias in ("champion", "candidate"))


_source = click.option(
    "--source",
    type=click.Path(path_type=Path),
    help="A folder (manifest.csv, class folders, DICOM, NIH, covid-chestxray), a CSV, DICOMDIR or .npz, or medmnist:NAME.",
)


@click.command()
@use_case_argument
@_source
@click.option("--add", is_flag=True, help="Keep the images that are there, and add the source's.")
@json_option
@answering
def ingest(use_case: str, source: Path | None, add: bool, settings: Settings) -> tuple[dict[str, Any], str]:
    """Bring images in: de-identified, judged, listed, versioned with DVC and pushed.

    The data version becomes equal to the source, or grows by it with --add; ingesting the same again
    changes nothing. Leaks across splits are found and written down; `radloop validate` judges them.

    Example:  radloop ingest tb-cxr --source ~/shenzhen
    """
    from radloop.configuration import load_use_case
    from radloop.data.ingest import ingest as bring
    from radloop.data.places import downloads_folder
    from radloop.data.sources import read_source
    from radloop.records.runs import locked
    from radloop.stages import runs_folder

    found = load_use_case(use_case, settings)
    if source is None:
        raise InputError("no_source", "ingest needs a source", f"radloop ingest {use_case} --source PATH")
    read_source(source, found, downloads_folder(settings))  # what is wrong with the list is said before anything waits for a lock
    with locked(runs_folder(use_case, settings)):
        result = bring(found, source, settings, lambda done, total: report("ingest", done, total), add)
    page = _quarantine_page(found, result, settings)
    return asdict(result) | {"quarantine_page": page}, told_of(result, page)


def _quarantine_page(use_case: UseCase, result: IngestResult, settings: Settings) -> str | None:
    """Write the page of what no split uses; None where every image is used."""
    if not result.quarantined and not result.unreadable:
        return None
    from radloop.data.manifest import read_manifest
    from radloop.data.thumbnails import thumbnails
    from radloop.exploration.quarantine import write_quarantine

    frame = read_manifest(settings.data / use_case.name)
    path = settings.place / "explore" / use_case.name / "quarantine.html"
    shown = frame[frame["excluded"].fillna("").str.startswith("quarantine")]
    pictures = thumbnails(use_case, shown, settings)
    return str(write_quarantine(use_case, result.data_version, frame, pictures, result.unreadable, path))


def told_of(result: IngestResult, page: str | None = None) -> str:
    """Return what ingest says to a person.

    Args:
        result: what it did.
        page: of the images that are not used.
    """
    splits = ", ".join(f"{split} {count}" for split, count in result.splits.items())
    verb = "is now" if result.changed else "unchanged:"
    lines = [
        f"{result.use_case} {verb} data version {result.data_version}: "
        f"{result.images} images of {result.patients} patients ({splits})"
    ]
    if result.reused:
        lines.append(f"{result.reused} files were stored before and not decoded again")
    if result.erased:
        lines.append(f"{result.erased} files of erased patients were left out")
    if result.kept_split:
        lines.append(f"{result.kept_split} images stay in the split in which their patient is known, against the source's word")
    if result.leaks:
        kinds = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in _counted(result.leaks).items())
        dropped = f": {result.dropped} images are kept out of training" if result.leak_policy == "drop" else ""
        lines.append(f"leaks across splits: {kinds}; policy {result.leak_policy}{dropped}")
        older = sum(any(version is not None for version in leak.get("versions") or ()) for leak in result.leaks)
        if older:
            lines.append(
                f"{older} of them with a version that validate accepted before: there these images stand in other splits"
            )
    for rules, count in result.quarantined.items():
        lines.append(f"{count} images are in {rules.replace(':', ' for ')}")
    lines += [f"left out: {item['image']}: {item['message']}" for item in result.unreadable]
    return "\n".join(lines + ([f"page of what is not used: {page}"] if page else []))


def _counted(leaks: list[dict[str, Any]]) -> dict[str, int]:
    return dict(sorted(Counter(str(leak["kind"]) for leak in leaks).items()))


@click.command()
@use_case_argument
@click.option("--out", type=click.Path(path_type=Path), help="Where the page goes; by default in the home.")
@json_option
@answering
def explore(use_case: str, out: Path | None, settings: Settings) -> tuple[dict[str, Any], str]:
    """Write the page to look at before training: who and what is in the data, one self-contained HTML file.

    Example:  radloop explore tb-cxr
    """
    from radloop.configuration import load_use_case
    from radloop.data.findings import read_leaks
    from radloop.data.manifest import read_manifest
    from radloop.data.thumbnails import thumbnails
    from radloop.data.versions import checked
    from radloop.exploration.page import write_exploration

    found = load_use_case(use_case, settings)
    version = checked(use_case, settings).version
    folder = settings.data / use_case
    frame = read_manifest(folder)
    pictures = thumbnails(found, frame, settings, lambda done, total: report("explore", done, total))
    path = out or settings.place / "explore" / use_case / "index.html"
    page = write_exploration(found, version, frame, pictures, read_leaks(folder)["leaks"], path)
    return {"use_case": use_case, "data_version": version, "images": len(frame), "page": str(page)}, f"page: {page}"


@click.command()
@use_case_argument
@_source
@json_option
@answering
def validate(use_case: str, source: Path | None, settings: Settings) -> tuple[dict[str, Any], str]:
    """Judge the data with Great Expectations; a failed expectation exits 3 and names rows.

    With --source, judge the table of a source before its images are brought in: no file is opened.

    Example:  radloop validate phantom-cxr
    """
    from radloop.configuration import load_use_case
    from radloop.stages import judge_data, judge_table

    found = load_use_case(use_case, settings)
    verdict = judge_data(found, settings) if source is None else judge_table(found, source, settings)
    held = len(verdict.checks) - len(verdict.failed) - len(verdict.warned)
    head = f"{use_case}: {held} of {len(verdict.checks)} expectations hold; page {verdict.page}"
    notes = [f"warning: {sentence}" for sentence in verdict.warnings()]
    text = "\n".join([head, *notes, *(f"failed: {sentence}" for sentence in verdict.sentences())])
    if not verdict.success:
        raise Outcome(verdict.as_dict(), text, 3)
    return verdict.as_dict(), text


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--n", type=int, help="Number of images.")
@click.option("--seed", type=int, default=2026, show_default=True, help="The same seed gives the same bytes.")
@click.option(
    "--plant",
    multiple=True,
    metavar="DEFECT",
    help="A planted defect; may be repeated: corner-marker, subgroup-label-noise, "
    "patient-in-two-splits, near-duplicates, site-shift.",
)
@json_option
@answering
def phantoms(folder: Path, n: int | None, seed: int, plant: tuple[str, ...], settings: Settings) -> tuple[dict[str, Any], str]:  # noqa: ARG001
    """Write synthetic chest phantoms as DICOM files: no patient, for rehearsals and tests only.

    Example:  radloop phantoms /tmp/rehearsal --plant corner-marker
    """
    from radloop.data.phantoms import DEFAULT_N, Defect, write_phantoms

    words = [defect.value for defect in Defect]
    for word in plant:
        if word not in words:
            raise InputError("unknown_defect", f"unknown defect '{word}'", nearest(word, words))
    count = n if n is not None else DEFAULT_N
    try:
        write_phantoms(
            folder,
            n=count,
            seed=seed,
            plant=[Defect(word) for word in plant],
            progress=lambda done: report("phantoms", done, count),
        )
    except FileExistsError as error:
        raise InputError("folder_not_empty", f"{folder} is not empty", "give a new folder") from error
    except ValueError as error:
        raise InputError("too_few_images", str(error), "give a larger --n") from error
    planted = f" with {', '.join(plant)}" if plant else ""
    document = {"folder": str(folder), "images": count, "seed": seed, "plant": list(plant), "synthetic": True}
    return document, f"wrote {count} synthetic phantoms{planted} to {folder}"
