"""What changed since the champion: two documents of evidence held against each other, and the plan in force."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from radloop.errors import IntegrityError
from radloop.inference.bundle import EVIDENCE
from radloop.inference.pointer import Pointer
from radloop.records.seal import read_sealed
from radloop.settings import Settings
from radloop.use_case import UseCase

Document = Mapping[str, Any]


def since_champion(evidence: Document, pointer: Pointer | None, settings: Settings) -> dict[str, Any]:
    """Return the evidence's `changes`, as `changes` does; with a `reason` where the champion's evidence is not what was sealed.

    Args:
        evidence: the candidate's, not yet sealed.
        pointer: what is served.
    """
    if pointer is None:
        return changes(None, evidence, None)
    try:
        old = read_sealed(pointer.folder(settings.bundles) / EVIDENCE, "evidence")
    except IntegrityError as error:
        return {"since": pointer.version, "first": False, "permitted": None, "changed": None, "reason": error.message}
    return changes(old, evidence, pointer.version)


def changes(old: Document | None, new: Document, since: int | None) -> dict[str, Any]:
    """Return what changed between two documents of evidence.

    Returns:
        `since`: the champion's version, null for a first one. `first`: whether there is none, said once more so that a
        lost member is never taken for it. `permitted`: the plan in force, which is the champion's, and the candidate's own
        where the champion was made before there was one. `changed`: [old, new] by dotted path; null is absent.
    """
    config = new["use_case"]["config"]
    own = config["changes"]["permitted"]
    if old is None:
        return {"since": None, "first": True, "permitted": own, "changed": {}}
    plan = (old["use_case"]["config"].get("changes") or {}).get("permitted")
    before, after = dict(_facts(old)), dict(_facts(new))
    if not plan:  # the first plan is no change of a plan
        before["changes.permitted"] = own
    # Nobody knows what lies in a checkout that differs from its commit: not even that it is the same again.
    anew = {"code.commit"} if new["code"]["dirty"] else set()
    changed = {
        path: [before.get(path), after.get(path)]
        for path in sorted({*before, *after})
        if path in anew or before.get(path) != after.get(path)
    }
    return {"since": since, "first": False, "permitted": plan or own, "changed": changed}


def _facts(evidence: Document) -> Iterator[tuple[str, Any]]:
    """Yield what a bundle is made from, by dotted path."""
    yield from _flat(today(evidence["use_case"]["config"]), "")
    yield "data.version", evidence["data"]["version"]
    yield "code.commit", _commit(evidence["code"])
    yield "code.lock", evidence["code"]["lock"]


def today(config: Document) -> Document:
    """Return a configuration with the defaults of keys that it is too old to have, so that a new key is no change."""
    try:
        return UseCase.model_validate_json(json.dumps(config)).model_dump(mode="json")
    except ValidationError:
        return config


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the leaves below a value; members of a list go by their names where all have one, another list is a leaf."""
    if isinstance(value, list) and value and all(isinstance(item, Mapping) and "name" in item for item in value):
        value = {item["name"]: item for item in value}
    if not isinstance(value, Mapping):
        yield path, value
        return
    for key, item in value.items():
        yield from _flat(item, f"{path}.{key}" if path else str(key))


def _commit(code: Document) -> str:
    """Return what the code is known by: the commit, and Radloop's version outside a checkout."""
    known = code["commit"] or f"radloop {code['version']}"
    return f"{known} and changes" if code["dirty"] else known
