"""The installation that the results are made in, and the use cases in it: those that are shipped, and variants of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from radloop.configuration import load_use_case
from radloop.records.seal import digest_document
from radloop.settings import Settings
from radloop.use_case import UseCase

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "results"
SEEDS = (1, 2, 3)
_OF_SEARCHES = ("space", "sampler", "pruner", "folds", "warm_start", "minutes", "epochs")
"""What a single trial has no use for: the recipe is judged as it is written."""


@dataclass(frozen=True)
class Entry:
    """One use case of the page.

    Attributes:
        name: of the use case.
        source: below the folder of real data, or a word that ingest understands; None is generated.
        caveat: what the data does not allow to conclude.
        variants: patches of the YAML that are judged beside it, by what they are called.
        frozen: whether frozen ImageNet features with logistic regression can answer the question at all.
    """

    name: str
    source: str | None
    caveat: str
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    frozen: bool = True

    @property
    def names(self) -> list[str]:
        """Return the names under which it and its variants are judged."""
        return [self.name, *(f"{self.name}-{variant}" for variant in self.variants)]


def plan() -> list[Entry]:
    """Return the use cases of the page, in its order."""
    document = yaml.safe_load((Path(__file__).parent / "plan.yaml").read_text())
    return [Entry(name, **entry) for name, entry in document.items()]


def settings() -> Settings:
    """Return the settings of the installation, made at its first use."""
    (HOME / ".radloop").mkdir(parents=True, exist_ok=True)
    return Settings(root=HOME, home=HOME / ".radloop", use_cases=HOME / "configs" / "use_cases")


def patched(document: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with a patch laid over it; null takes a key away."""
    found = dict(document)
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(found.get(key), Mapping):
            found[key] = patched(found[key], value)
        else:
            found[key] = value
    return found


def write_use_case(entry: Entry, seed: int, variant: str | None = None) -> UseCase:
    """Write the YAML of one seed: one trial, of the recipe as the shipped YAML has it; return the use case."""
    document = yaml.safe_load((ROOT / "configs" / "use_cases" / f"{entry.name}.yaml").read_text())
    document = patched(document, {"search": {"seed": seed, "trials": 1} | dict.fromkeys(_OF_SEARCHES)})
    if variant is not None:
        document = patched(document, entry.variants[variant]) | {"name": f"{entry.name}-{variant}"}
    place = settings()
    path = HOME / "configs" / "use_cases" / f"{document['name']}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return load_use_case(str(document["name"]), place)


def digest(use_case: UseCase) -> str:
    """Return what the evidence calls a use case."""
    return digest_document(use_case.model_dump(mode="json"))


def radloop(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Run a command in the installation and return its exit code and its JSON; progress stays on the terminal."""
    command = [sys.executable, "-m", "radloop", *arguments, "--json"]
    done = subprocess.run(command, cwd=HOME, stdout=subprocess.PIPE, text=True, check=False, env=dict(os.environ))
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        return done.returncode, {"error": {"code": "no_answer", "message": f"exit {done.returncode}"}}
