"""Where a patient is, and what an erasure would do about it; nothing is changed here."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from radloop.data.ledger import known_splits
from radloop.data.manifest import FILE_NAME
from radloop.data.objects import Objects, file_digest
from radloop.data.places import index_path, ledger_folder
from radloop.data.remainder import Reduced, Remainder, Touched, reduced_manifest, reduced_notes, remainder
from radloop.errors import IntegrityError
from radloop.records import answers
from radloop.records.feedback import feedback_folder
from radloop.settings import Settings


@dataclass(frozen=True)
class Plan:
    """What an erasure would do.

    Attributes:
        touched: the data versions that hold the patient.
        folders: what is left of each use case's folder as it stands.
        objects: identifiers to delete from cache and remote.
        shared: files of the patient whose bytes another patient's row also has: they stay.
        unreadable: versions whose manifest is neither in the cache nor in the remote.
        indexed: source files of the patient that ingest's index knows, and ledgers that know the patient.
        answers: entries of the records of answers and feedback that name the patient.
    """

    touched: Mapping[str, Touched]
    folders: Mapping[str, Reduced]
    objects: frozenset[str]
    shared: frozenset[str]
    unreadable: tuple[str, ...]
    indexed: int
    answers: int

    @property
    def words(self) -> frozenset[str]:
        """Return what names one of the patient's rows."""
        found = [item.words for item in self.touched.values()] + [item.words for item in self.folders.values()]
        return frozenset[str]().union(*found)

    @property
    def left(self) -> dict[str, str]:
        """Return what is left of each version."""
        return {version: item.rest for version, item in sorted(self.touched.items())}

    @property
    def empty(self) -> bool:
        """Tell whether the patient is nowhere."""
        return not (self.touched or self.folders or self.indexed or self.answers)

    @property
    def expected(self) -> dict[str, int]:
        """Return how much of each kind is known of the patient."""
        return {
            "rows": sum(item.rows for item in self.folders.values()),
            "files": sum(len(item.paths) for item in self.folders.values()),
            "versions": len(self.touched),
            "objects": len(self.objects),
            "indexed": self.indexed,
            "answers": self.answers,
        }


def plan(patient: str, use_cases: Iterable[str], settings: Settings) -> Plan:
    """Find a patient in every folder and every data version that cache or remote still list.

    Args:
        patient: the pseudonym.
        use_cases: whose folders are looked at; versions are found whatever use case they are of.

    Raises:
        IntegrityError: a folder's manifest cannot be read.
        ToolError: the remote failed.
    """
    names = list(use_cases)
    objects = Objects(settings)
    touched: dict[str, Touched] = {}
    referenced: set[str] = set()
    unreadable: list[str] = []
    for version, listing in objects.data_versions():
        try:
            rest = rest_of(version, listing, patient, objects)
        except (IntegrityError, pa.ArrowException, KeyError):
            unreadable.append(version)
            continue
        if rest is not None:
            touched[version] = rest.touched
        referenced |= set((rest.listing if rest else listing).values())
    folders = {name: found for name in names if (found := _in_folder(settings.data / name, patient)) is not None}
    theirs = {identifier for item in touched.values() for identifier in item.files.values()}
    # A killed ingest may have left objects that no listing names.
    theirs |= {file_digest(path) for name, found in folders.items() for path in present(settings.data / name, found.paths)}
    replaced = {identifier for item in touched.values() for identifier in item.replaced}
    indexed = sum(_indexed(name, patient, settings) for name in names)
    going = frozenset((theirs | replaced) - referenced)
    recorded = sum(answers.of_patient(patient, folder) for folder in records_of(settings))
    return Plan(touched, folders, going, frozenset(theirs & referenced), tuple(unreadable), indexed, recorded)


def records_of(settings: Settings) -> tuple[Path, ...]:
    """Return the folders of the records that may name a patient."""
    return answers.answers_folder(settings), answers.shadow_folder(settings), feedback_folder(settings)


def rest_of(version: str, listing: Mapping[str, str], patient: str, objects: Objects) -> Remainder | None:
    """Return what is left of a version, None where it does not hold the patient."""
    reduced = reduced_manifest(objects.read(listing[FILE_NAME]), patient)
    if reduced is None:
        return None
    names = [name for name in listing if name.endswith(".json")]
    notes = {name: reduced_notes(objects.read(listing[name]), reduced.words) for name in names}
    return remainder(version, listing, reduced, {name: content for name, content in notes.items() if content is not None})


def _in_folder(folder: Path, patient: str) -> Reduced | None:
    path = folder / FILE_NAME
    try:
        return reduced_manifest(path.read_bytes(), patient) if path.is_file() else None
    except (pa.ArrowException, KeyError) as error:
        raise IntegrityError(
            "tampered_manifest", f"data/{folder.name}/{FILE_NAME} cannot be read", "restore the data, then erase again"
        ) from error


def present(folder: Path, paths: Iterable[str]) -> list[Path]:
    """Return those of some files that are there."""
    return [path for name in sorted(paths) if (path := folder / name).is_file()]


def _indexed(name: str, patient: str, settings: Settings) -> int:
    count = int(patient in known_splits(ledger_folder(name, settings)))
    path = index_path(name, settings)
    if path.is_file():
        with closing(sqlite3.connect(path)) as database:
            count += database.execute("select count(*) from stored where patient = ?", (patient,)).fetchone()[0]
    return count
