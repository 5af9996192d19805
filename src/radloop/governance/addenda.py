"""Addenda: what was learnt of a bundle after it was judged. Each is sealed, belongs to one evidence, and only ever comes on top.

They lie beside the evidence, outside the bundle's digest, as `addenda/0001.json` and so on. An append-only record names each
with its seal, so that one that was edited, taken away or put there is found.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radloop.errors import IntegrityError
from radloop.governance.keys import now
from radloop.governance.registry import Registry, Version
from radloop.governance.review import bundle_folder, show_anew
from radloop.records import chain
from radloop.records.seal import SEAL, canonical, read_sealed, seal, write_atomic
from radloop.settings import Settings

SCHEMA_VERSION = 1
TAG = "radloop.addenda"
"""The tag that says on a version's page how many there are."""
FOLDER = "addenda"
_RESTORE = "restore it from its copy in MLflow, judgement/addenda of the version's run"


def addenda_file(settings: Settings) -> Path:
    """Return the append-only record of addenda."""
    return settings.place / "records" / "addenda.jsonl"


def read_addenda(version: Version, settings: Settings) -> list[dict[str, Any]]:
    """Return the addenda to a version's evidence, the oldest first, every byte checked against seal and record.

    Raises:
        IntegrityError: `missing_addendum`, `tampered_addendum` or `foreign_addendum`, naming the file; or the record was edited.
    """
    folder, recorded = _folder(version, settings), _recorded(version.bundle, settings)
    found = [_read(folder, entry) for entry in recorded]
    strange = {path.name for path in folder.glob("*.json")} - {_name(entry["number"]) for entry in recorded}
    if strange:
        raise IntegrityError(
            "foreign_addendum",
            f"addendum: {min(strange)} is not in the record of addenda",
            "remove the file, or restore records/addenda.jsonl from a backup",
        )
    return [one for one in found if one["evidence"] == version.evidence]


def shown_addenda(version: Version, settings: Settings) -> list[dict[str, Any]]:
    """Return the addenda as a page shows them: where one cannot be believed, what is wrong stands in place of all.

    A page has to be written all the same: a rejection is recorded, and shown, whatever became of an addendum.
    """
    try:
        return read_addenda(version, settings)
    except IntegrityError as error:
        return [{"kind": "addenda that cannot be believed", "name": error.message, "evidence": version.evidence}]


def addenda_counts(settings: Settings) -> Counter[str]:
    """Return how many addenda the record has for each evidence, by its seal; no file is read."""
    return Counter(str(entry["evidence"]) for entry in _entries(settings))


def recorded_seals(version: Version, settings: Settings) -> list[str]:
    """Return the seals of a version's addenda as the record has them, whatever became of the files."""
    return [str(entry["addendum"]) for entry in _recorded(version.bundle, settings) if entry["evidence"] == version.evidence]


def added_since(version: Version, decision: Mapping[str, Any] | None, settings: Settings) -> list[dict[str, Any]]:
    """Return the addenda that a decision was not made over.

    Args:
        version: what was decided on.
        decision: as it was recorded, or the approval; None where nobody has decided.

    Raises:
        IntegrityError: as `read_addenda`; or the decision names an addendum that is not there.
    """
    found = read_addenda(version, settings)
    named, there = list((decision or {}).get("addenda", ())), {one[SEAL] for one in found}
    lost = [one for one in named if one not in there]
    if lost:
        raise IntegrityError(
            "missing_addendum", f"addendum: {lost[0][:19]}, which the decision names, is missing from files and record", _RESTORE
        )
    return [one for one in found if one[SEAL] not in named]


def add_addendum(version: Version, document: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Seal an addendum, write it beside the evidence and record it; return it with its number and its seal.

    Killed before the record has it, nothing was added; killed after, the next reader puts the file in its place.

    Args:
        version: whose evidence it belongs to.
        document: the addendum's own members.
    """
    number = len(_recorded(version.bundle, settings)) + 1
    head = {"schema_version": SCHEMA_VERSION, "number": number, "created": now(), "bundle": version.bundle}
    sealed = seal({**head, "evidence": version.evidence, **document})
    pending = _pending(_folder(version, settings), number)
    write_atomic(pending, canonical(sealed))
    entry = {"schema_version": 1, "use_case": version.use_case, "version": version.version, "bundle": version.bundle}
    entry |= {"evidence": version.evidence, "addendum": sealed[SEAL], "number": number, "time": sealed["created"]}
    chain.append(addenda_file(settings), entry)
    pending.replace(pending.parent / _name(number))
    return sealed


def copy_addenda(version: Version, settings: Settings) -> None:
    """Keep copies in MLflow beside those of the evidence, and write the report and the version's page anew."""
    found, registry = read_addenda(version, settings), Registry(version.use_case, settings)
    with tempfile.TemporaryDirectory() as temporary:
        for one in found:
            write_atomic(Path(temporary) / FOLDER / _name(one["number"]), canonical(one))
        registry.attach(version.run_id, Path(temporary), {})
    registry.tag(version.version, {TAG: str(len(found))})
    show_anew(version, registry, settings)


def _entries(settings: Settings) -> list[dict[str, Any]]:
    return [entry["payload"] for entry in chain.read(addenda_file(settings)) if entry["payload"] is not None]


def _recorded(bundle: str, settings: Settings) -> list[dict[str, Any]]:
    """Return the record's entries of a bundle, in order."""
    return [entry for entry in _entries(settings) if entry["bundle"] == bundle]


def _read(folder: Path, entry: Mapping[str, Any]) -> dict[str, Any]:
    path, pending = folder / _name(entry["number"]), _pending(folder, entry["number"])
    if not path.exists() and pending.exists():  # killed between record and rename
        pending.replace(path)
    found = read_sealed(path, "addendum")
    if found[SEAL] != entry["addendum"]:
        raise IntegrityError("tampered_addendum", f"addendum: {path.name} is not the one that was recorded", _RESTORE)
    return found


def _folder(version: Version, settings: Settings) -> Path:
    return bundle_folder(version, settings) / FOLDER


def _name(number: int) -> str:
    return f"{number:04d}.json"


def _pending(folder: Path, number: int) -> Path:
    return folder / f".{number:04d}.pending"
