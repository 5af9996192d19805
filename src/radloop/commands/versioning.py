"""Commands about data versions: what changed between two, the bytes of one, and one patient out of all of them."""

from __future__ import annotations

import re
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radloop.commands.console import answering, json_option, use_case_argument
from radloop.errors import InputError
from radloop.settings import Settings

if TYPE_CHECKING:
    from radloop.data.erasure import Erased
    from radloop.data.versions import DataVersion

_PSEUDONYM = re.compile(r"P[0-9a-f]{16}")


@click.group()
def data() -> None:
    """Compare data versions, and bring one back.

    Example:  radloop data restore phantom-cxr@champion
    """


@data.command()
@use_case_argument
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@json_option
@answering
def diff(use_case: str, old: str, new: str, settings: Settings) -> tuple[dict[str, Any], str]:
    """Say which rows came, went, or changed label, split or exclusion from version A to version B.

    A and B: current, previous, champion, candidate, a model's number, or four or more digits of a data version.

    Example:  radloop data diff tb-cxr previous current
    """
    from radloop.configuration import load_use_case
    from radloop.data.diff import as_text, compare

    load_use_case(use_case, settings)
    first, second = _version(use_case, old, settings), _version(use_case, new, settings)
    found, erased = compare(first.version, second.version, settings)
    document = {
        "use_case": use_case,
        "from": first.version,
        "to": second.version,
        "came": found.came,
        "went": found.went,
        "changed": [change.as_dict() for change in found.changed],
        "counts": found.counts.as_dict(),
        "erased": erased,
    }
    note = "".join(f"\na patient was erased from {version[:12]}: what is left of it was compared" for version in erased)
    return document, f"{use_case} {first.version[:12]} -> {second.version[:12]}: {as_text(found)}{note}"


@data.command()
@click.argument("name", metavar="UC@VERSION")
@click.option(
    "--to", type=click.Path(path_type=Path), metavar="DIR", help="A new folder; without it data/UC, which is then pinned."
)
@click.option("--force", is_flag=True, help="Overwrite changes in data/UC that no version pins.")
@click.option("--erased", is_flag=True, help="Restore what is left of a version from which a patient was erased.")
@json_option
@answering
def restore(name: str, to: Path | None, force: bool, erased: bool, settings: Settings) -> tuple[dict[str, Any], str]:
    """Bring back the exact bytes behind a model: UC@champion, UC@candidate, UC@7, or UC@ and digits of a data version.

    Example:  radloop data restore tb-cxr@champion --to /tmp/champion-data
    """
    from radloop.commands.models import split_name
    from radloop.configuration import load_use_case
    from radloop.data.restore import restore as bring_back
    from radloop.records.runs import locked
    from radloop.stages import runs_folder

    use_case, word = split_name(name)
    load_use_case(use_case, settings)
    version = _version(use_case, word, settings)
    if to is not None:
        result = bring_back(use_case, version, settings, to, erased=erased)
    else:
        with locked(runs_folder(use_case, settings)):
            result = bring_back(use_case, version, settings, force=force, erased=erased)
    place = f"data/{use_case}" if to is None else str(to)
    verb = "is now" if result.changed else "already is"
    rest = " (what an erasure left of it)" if result.data_version != result.asked else ""
    text = f"{place} {verb} data version {result.data_version}{rest}: {result.files} files, every md5 compared"
    return {**asdict(result), "folder": place}, text


def _version(use_case: str, word: str, settings: Settings) -> DataVersion:
    from radloop.data.naming import data_version

    return data_version(use_case, word, settings, lambda model: _of_model(use_case, model, settings))


def _of_model(use_case: str, word: str, settings: Settings) -> DataVersion:
    """Return the data version behind a model: from its sealed evidence, else from its tag in MLflow."""
    from radloop.commands.models import find_model
    from radloop.data.naming import of_entry
    from radloop.data.versions import DataVersion
    from radloop.errors import IntegrityError
    from radloop.governance.review import read_evidence

    item = find_model(use_case, word, settings)
    if item is None:
        raise InputError(
            "unknown_data_version",
            f"{use_case} has no data version '{word}'",
            "name current, previous, champion, candidate, a model's number or four digits of a data version",
        )
    try:
        entry = read_evidence(item, settings)["data"]["entry"]
        return DataVersion(str(entry["md5"]), dict(entry))
    except IntegrityError as error:
        version = item.tags.get("radloop.data_version")
        if error.code != "missing_evidence" or not version:
            raise
        return of_entry(use_case, version)


@click.command()
@click.argument("patient", metavar="PATIENT")
@click.option("--dry-run", is_flag=True, help="Say what would go, and touch nothing.")
@json_option
@answering
def erase(patient: str, dry_run: bool, settings: Settings) -> tuple[dict[str, Any], str]:
    """Take one patient out of the data, every data version, the DVC cache and remote, the caches and the recorded answers.

    PATIENT is a pseudonym of a manifest or the source's own identifier; a single hyphen reads it from standard
    input, which keeps it out of the shell's history. What was done is written to an append-only record.

    Example:  radloop erase P0123456789abcdef --dry-run
    """
    from radloop.configuration import use_case_files
    from radloop.data.erasure import erase as take_out
    from radloop.data.versions import pinned_use_cases
    from radloop.records.runs import locked
    from radloop.stages import runs_folder

    word = (sys.stdin.readline() if patient == "-" else patient).strip()
    pseudonyms = _pseudonyms(word, settings)
    held = pinned_use_cases(settings)
    names = sorted({*use_case_files(settings), *held})
    with ExitStack() as stack:
        for name in [] if dry_run else held:
            stack.enter_context(locked(runs_folder(name, settings)))
        done = [take_out(one, names, key, settings, dry_run=dry_run) for one, key in pseudonyms.items()]
    results: list[Erased] = [result for result in done if result is not None]
    if not results:
        raise InputError(
            "unknown_patient",
            "no data of this patient is known here",
            "give the pseudonym of a manifest, or the identifier as the source writes it; SPLIT/IDENTIFIER where every split "
            "numbers its patients anew",
        )
    document = {"dry_run": dry_run, "erased": [asdict(result) for result in results]}
    return document, "\n".join(_told(result) for result in results)


def _pseudonyms(word: str, settings: Settings) -> dict[str, bytes]:
    """Return the pseudonyms that a word may stand for, each with the key that names it in the record."""
    from radloop.configuration import load_use_case, use_case_files
    from radloop.data.pseudonym_key import pseudonym_key
    from radloop.images.pseudonym import pseudonym

    use_cases = [load_use_case(name, settings) for name in use_case_files(settings)]
    real_first = sorted(use_cases, key=lambda use_case: use_case.synthetic)
    # Without a key nobody was ever given a pseudonym, and asking must not make one.
    keys = list(dict.fromkeys(pseudonym_key(item, settings) for item in real_first if item.synthetic or _has_key(settings)))
    words = [word] if _PSEUDONYM.fullmatch(word) else [pseudonym(key, word) for key in keys if word]
    return {found: keys[0] for found in words if keys}


def _told(result: Erased) -> str:
    counts = result.counts
    if result.already:
        return f"{result.patient} was erased before: nothing of them is left"
    verb = "would go" if result.dry_run else "went"
    where = ", ".join(result.use_cases) or "no use case's data"
    lines = [
        f"{result.patient}: {counts['rows']} rows and {counts['files']} files {verb} from {where}, "
        f"{counts['objects']} objects from cache and remote, {counts['indexed']} entries of ingest's index and ledger, "
        f"{counts['answers']} recorded answers"
    ]
    lines += [f"data version {old[:12]}: what is left is {new[:12]}" for old, new in result.versions.items()]
    if result.shared:
        lines.append(f"{result.shared} files stay: another patient's row has the same bytes")
    if result.unreadable:
        lines.append(f"{len(result.unreadable)} versions have no manifest any more and could not be searched")
    return "\n".join([*lines, *(f"kept: {item['what']}: {item['why']}" for item in result.kept)])


def _has_key(settings: Settings) -> bool:
    return bool(settings.pseudonym_key) or (settings.place / "keys" / "pseudonym.key").is_file()
