"""One patient out of the data: folders, every data version, DVC's cache and remote, the caches beside them, the answers.

Nothing that was sealed is rewritten; a recorded answer is blanked, and its chain still verifies. A version that held
the patient is replaced by what is left of it, a version of its own: files, manifest and listing of the old one are
deleted, and the record of erasures says which version took its place. The old manifest goes too, for it holds the
patient's pseudonym, age and sex; a listing goes because a file's hash finds the file again wherever a copy of it lies.

The order makes a crash harmless. What must go is written down first, then the record, then the new
objects, then the folders; only then are objects deleted. The same command goes on from any of these.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from radloop.data import history, versions
from radloop.data.erasure_plan import Plan, plan, present, records_of, rest_of
from radloop.data.foreign import scratch
from radloop.data.ledger import forget as forget_in_ledger
from radloop.data.manifest import FILE_NAME
from radloop.data.naming import of_entry
from radloop.data.objects import Objects
from radloop.data.places import external_folder, index_path, ledger_folder
from radloop.data.remainder import reduced_notes
from radloop.data.store_index import forget as forget_in_index
from radloop.errors import IntegrityError
from radloop.records import answers, erasures
from radloop.records.seal import canonical, write_atomic
from radloop.settings import Settings

CACHES = (
    "cache/pixels/{}-*",
    "cache/thumbnails/{}*",
    "explore/{}*",
    "quarantine/{}*",
    "ingest/{}/staging",
    "ingest/{}/old",
    "ledger/{}/previous",
)
"""What is made from a use case's images and can be made again: deleted whole where it may show the patient."""


@dataclass(frozen=True)
class Erased:
    """What an erasure did, or would do.

    Attributes:
        patient: keyed hash of the pseudonym, as the record names the patient.
        versions: what is left of each data version, by version.
        counts: rows and files in the folders as they stood, objects in cache and remote, indexed source files, caches,
            answers and feedback of the records that were blanked.
        shared: how many objects stay because another patient's row has the same bytes.
        kept: what still knows of the patient, and why.
    """

    patient: str
    use_cases: list[str]
    versions: dict[str, str]
    counts: dict[str, int]
    shared: int
    unreadable: list[str]
    kept: list[dict[str, str]]
    dry_run: bool = False
    already: bool = False


@dataclass(frozen=True)
class _Journal:
    """What an erasure that has begun still has to do.

    Attributes:
        objects: identifiers to delete.
        use_cases: whose caches go.
        files: the patient's files in each folder that changes and is pinned anew.
        words: what names one of the patient's rows in a page.
    """

    path: Path
    objects: frozenset[str] = frozenset()
    use_cases: frozenset[str] = frozenset()
    files: Mapping[str, list[str]] = field(default_factory=dict)
    words: frozenset[str] = frozenset()

    @classmethod
    def at(cls, path: Path) -> _Journal:
        if not path.is_file():
            return cls(path)
        found = json.loads(path.read_bytes())
        return cls(path, frozenset(found["objects"]), frozenset(found["use_cases"]), found["files"], frozenset(found["words"]))

    def grown(self, found: Plan, touched: Iterable[str]) -> _Journal:
        """Return the journal with what was found now."""
        files = dict(self.files)
        for name, reduced in found.folders.items():
            files[name] = sorted({*files.get(name, ()), *reduced.paths})
        return _Journal(self.path, self.objects | found.objects, frozenset(touched), files, self.words | found.words)

    def write(self) -> None:
        sets = {"objects": self.objects, "use_cases": self.use_cases, "words": self.words}
        write_atomic(self.path, canonical({**{name: sorted(words) for name, words in sets.items()}, "files": dict(self.files)}))


def erase(patient: str, use_cases: Iterable[str], key: bytes, settings: Settings, *, dry_run: bool = False) -> Erased | None:
    """Take a patient out of everything, and write down that it was done.

    Args:
        patient: the pseudonym.
        use_cases: every use case of the installation; the caller holds the locks of their runs.
        key: names the patient in the record.
        dry_run: say what would go, and touch nothing.

    Returns:
        what was done; None where the patient is nowhere and never was erased.

    Raises:
        IntegrityError: `data_changed`: a folder that holds the patient is not what its version pins.
        ToolError: DVC or its remote failed; the same command goes on from there.
    """
    names = sorted(use_cases)
    if not dry_run:
        _clear_foreign(names, settings)
    name_kept = erasures.keyed_hash(key, patient)
    journal = _Journal.at(settings.place / "records" / "erasing" / f"{name_kept.removeprefix('hmac:')}.json")
    found = plan(patient, names, settings)
    if found.empty and not journal.path.is_file():
        return _remembered(name_kept, settings)
    use_cases_touched = _use_cases_of(found, journal, names, settings)
    if dry_run:
        return _result(name_kept, found, use_cases_touched, found.expected, settings, dry_run=True)
    _check_clean(found, journal, settings)
    journal = journal.grown(found, use_cases_touched)
    journal.write()
    facts = {"patient": name_kept, "use_cases": use_cases_touched, "versions": found.left, "counts": {}}
    erasures.remember("begun", facts, settings)
    _write_rests(found, patient, settings)
    for name in use_cases_touched:
        _clear_folder(name, found, journal, settings)
    cached, remote = Objects(settings).remove(journal.objects - _needed(found, settings))
    caches = _clear_beside(patient, names, use_cases_touched, settings) + _clear_pages({patient, *journal.words}, settings)
    for folder in records_of(settings):
        answers.blank_patient(patient, folder)
    counts = found.expected | {"cache_objects": cached, "remote_objects": remote, "caches": caches}
    result = _result(name_kept, found, use_cases_touched, counts, settings)
    erasures.remember("done", _facts(result), settings)
    journal.path.unlink()
    return result


def _use_cases_of(found: Plan, journal: _Journal, names: list[str], settings: Settings) -> list[str]:
    """Return the use cases whose data the patient is in; all, where a version is of an unknown one."""
    known = {name: {*history.known_entries(name, settings), *_pinned(name, settings)} for name in names}
    theirs = {name for name in names if known[name] & found.touched.keys()}
    if found.touched.keys() - set().union(*known.values()):
        theirs = set(names)
    return sorted({*found.folders, *journal.use_cases, *theirs} & set(names))


def _pinned(name: str, settings: Settings) -> set[str]:
    now = versions.pinned(name, settings)
    return {now.version} if now else set()


def _check_clean(found: Plan, journal: _Journal, settings: Settings) -> None:
    """Refuse to pin what somebody changed by hand; what an interrupted erasure changed goes on."""
    for name in found.folders.keys() - journal.files.keys():
        if versions.pinned(name, settings) is not None and not versions.unchanged(name, settings):
            raise IntegrityError(
                "data_changed",
                f"data/{name} differs from what data.dvc pins",
                f"run `radloop data restore {name}@current --force`, or ingest again; then erase",
            )


def _write_rests(found: Plan, patient: str, settings: Settings) -> None:
    objects = Objects(settings)
    for version in found.touched:
        # Made again, one at a time: all of them at once may not fit in memory.
        rest = rest_of(version, objects.listing(version), patient, objects)
        for identifier, content in rest.objects.items() if rest else ():
            objects.write(content, ".dir" if identifier.endswith(".dir") else "")


def _clear_folder(name: str, found: Plan, journal: _Journal, settings: Settings) -> None:
    """Make `data/UC` what is left of it and pin that; a folder that is not here is only pinned anew."""
    folder = settings.data / name
    for path in present(folder, journal.files.get(name, ())):
        path.unlink()
    if name in found.folders:
        reduced = found.folders[name]
        for path in sorted(folder.glob("*.json")):
            notes = reduced_notes(path.read_bytes(), reduced.words)
            if notes is not None:
                write_atomic(path, notes)
        write_atomic(folder / FILE_NAME, reduced.content)
    now = versions.pinned(name, settings)
    if name in journal.files and (folder / FILE_NAME).is_file():
        versions.pin(name, settings)
    elif now is not None and (rest := erasures.remainder(now.version, settings)) != now.version:
        versions.set_entry(name, of_entry(name, rest), settings)


def _needed(found: Plan, settings: Settings) -> Set[str]:
    """Return the objects that other versions are made of, those of what is left included."""
    needed: set[str] = set()
    for version, listing in Objects(settings).data_versions():
        if version not in found.touched and version not in found.unreadable:
            needed |= {version, *listing.values()}
    return needed


def _clear_beside(patient: str, names: list[str], touched: list[str], settings: Settings) -> int:
    """Clear index, ledger and caches; return how many caches went."""
    for name in names:
        forget_in_index(index_path(name, settings), patient)
        forget_in_ledger(ledger_folder(name, settings), patient)
    caches = [path for name in touched for pattern in CACHES for path in sorted(settings.place.glob(pattern.format(name)))]
    for path in caches:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return len(caches)


def _clear_foreign(names: list[str], settings: Settings) -> None:
    """Delete what a killed external validation left: whoever it shows, it can be read again."""
    for name in names:
        if external_folder(name, settings).is_dir():
            with scratch(name, settings):
                pass


def _clear_pages(words: Set[str], settings: Settings) -> int:
    """Delete the pages of validation that name one of the patient's rows; return how many."""
    naming = re.compile(b"|".join(re.escape(word.encode()) for word in sorted(words)))
    pages = [path for path in (settings.place / "gx").rglob("*") if path.suffix in (".html", ".json") and path.is_file()]
    theirs = [path for path in pages if naming.search(path.read_bytes())]
    for path in theirs:
        path.unlink()
    return len(theirs)


def _result(
    patient: str, found: Plan, touched: list[str], counts: dict[str, int], settings: Settings, *, dry_run: bool = False
) -> Erased:
    unreadable = list(found.unreadable)
    return Erased(patient, touched, found.left, counts, len(found.shared), unreadable, kept(settings), dry_run=dry_run)


def _facts(result: Erased) -> dict[str, Any]:
    counts = result.counts | {"shared": result.shared, "unreadable": len(result.unreadable)}
    return {"patient": result.patient, "use_cases": result.use_cases, "versions": result.versions, "counts": counts}


def _remembered(patient: str, settings: Settings) -> Erased | None:
    """Return what the record says of an earlier erasure."""
    done = [item for item in erasures.erasures_of(patient, settings) if item["event"] == "done"]
    if not done:
        return None
    left = {old: new for item in done for old, new in item["versions"].items()}
    names = sorted({name for item in done for name in item["use_cases"]})
    return Erased(
        patient, names, left, dict(done[-1]["counts"]), int(done[-1]["counts"]["shared"]), [], kept(settings), already=True
    )


def kept(settings: Settings) -> list[dict[str, str]]:
    """Return what still knows of an erased patient, and why it stays."""
    bundles = sum(1 for _ in settings.bundles.glob("*/*/evidence.json"))
    return [
        {
            "what": f"evidence, addenda, scores and weights of {bundles} bundles, with their copies in MLflow",
            "why": "sealed: they hold row ids and numbers, no pixels and no pseudonym; retrain to replace a model",
        },
        {"what": "data.dvc in git's history", "why": "it holds the md5 of a version, which restores nothing any more"},
        {"what": "DVC's own index of file hashes", "why": "hashes of files that are gone, and no pixels"},
        {
            "what": "folders that `data restore --to` wrote, backups, object versions of a bucket, other installations' caches",
            "why": "out of reach from here: delete them by hand",
        },
    ]
