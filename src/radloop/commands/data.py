"""Commands about data: use cases, ingest, validation, phantoms."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from radloop.commands.console import Outcome, answering, json_option, use_case_argument
from radloop.errors import InputError, nearest
from radloop.progress import report
from radloop.settings import Settings


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
    lines = [f"{row['name']:<14} {row['title']}\n{'':<14} data {row['data_version'] or 'none'}, {_named(row)}" for row in rows]
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


@click.command()
@use_case_argument
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    required=True,
    help="A folder (manifest.csv, class folders or DICOM), or a manifest CSV.",
)
@json_option
@answering
def ingest(use_case: str, source: Path, settings: Settings) -> tuple[dict[str, Any], str]:
    """Bring images in: de-identified, listed, versioned with DVC and pushed.

    The data version becomes equal to the source; ingesting the same again changes nothing.

    Example:  radloop ingest tb-cxr --source ~/shenzhen
    """
    from radloop.configuration import load_use_case
    from radloop.data.ingest import ingest as bring
    from radloop.records.runs import locked
    from radloop.stages import check_request, runs_folder

    found = load_use_case(use_case, settings)
    check_request(found, source, settings)
    with locked(runs_folder(use_case, settings)):
        result = bring(found, source, settings, lambda done, total: report("ingest", done, total))
    splits = ", ".join(f"{split} {count}" for split, count in sorted(result.splits.items()))
    verb = "is now" if result.changed else "unchanged:"
    text = (
        f"{use_case} {verb} data version {result.data_version}: {result.images} images of {result.patients} patients ({splits})"
    )
    left = "".join(f"\nleft out: {item['image']}: {item['message']}" for item in result.unreadable)
    return asdict(result), text + left


@click.command()
@use_case_argument
@json_option
@answering
def validate(use_case: str, settings: Settings) -> tuple[dict[str, Any], str]:
    """Judge the data with Great Expectations; a failed expectation exits 3 and names rows.

    Example:  radloop validate phantom-cxr
    """
    from radloop.configuration import load_use_case
    from radloop.data.versions import checked
    from radloop.validation.verdict import validate as judge

    found = load_use_case(use_case, settings)
    verdict = judge(found, checked(use_case, settings).version, settings)
    head = (
        f"{use_case}: {len(verdict.checks) - len(verdict.failed)} of {len(verdict.checks)} expectations hold; page {verdict.page}"
    )
    text = "\n".join([head, *(f"failed: {sentence}" for sentence in verdict.sentences())])
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
