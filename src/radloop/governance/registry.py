"""The MLflow model registry: versions, their tags, and the aliases candidate, champion and previous.

Every judged bundle becomes a version; only one that passed the gate becomes `candidate`. Beside
`training.tracking` this is the only file that names MLflow.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from radloop import __version__
from radloop.errors import InputError, Refusal
from radloop.inference.bundle import read_facts
from radloop.settings import Settings
from radloop.training.tracking import Tracker

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

Alias = Literal["candidate", "champion", "previous"]
ALIASES: tuple[Alias, ...] = ("candidate", "champion", "previous")
_MISSING: Mapping[Alias, tuple[str, str]] = {
    "candidate": ("", "run `radloop retrain {}`"),
    "champion": ("", "run `radloop deploy {}` on an approved candidate"),
    "previous": (" champion to return to", "only a second deployment leaves one behind"),
}
"""What a missing alias is called beyond its name, and what to do about it."""


@dataclass(frozen=True)
class Version:
    """A registered model's version, as far as Radloop reads it."""

    use_case: str
    version: int
    bundle: str
    evidence: str
    verdict: str
    run: str
    run_id: str
    review: str | None
    tags: Mapping[str, str]


class Registry:
    """The versions of one use case."""

    def __init__(self, use_case: str, settings: Settings) -> None:
        self._name = use_case
        self._tracker = Tracker(use_case, settings)
        self._settings = settings

    @cached_property
    def _client(self) -> MlflowClient:
        return self._tracker.client

    def register(self, run_id: str, run: str, tags: Mapping[str, str], bundle: Path, description: str) -> Version:
        """Return the version of a run's bundle, making it once: after a crash the same one is found.

        Args:
            run_id: the search's MLflow run.
            run: the attempt's name, the key under which the version is found again.
            tags: every tag, written with the version in one call.
            bundle: the sealed folder that the model's artifacts are a copy of.
            description: Markdown for the version's page.
        """
        found = [version for version in self.versions() if version.run == run]
        if found:
            return found[0]
        self._ensure_model()
        model_id, source = self._log_model(run_id, bundle)
        every = {**tags, "radloop.run": run}
        made = self._client.create_model_version(
            self._name, source, run_id=run_id, tags=every, description=description, model_id=model_id
        )
        return _version(made)

    def versions(self) -> list[Version]:
        """Return all versions, the newest first."""
        if not self._exists():
            return []
        found = self._client.search_model_versions(f"name = '{self._name}'")
        return sorted((_version(item) for item in found), key=lambda item: -item.version)

    def version(self, number: int) -> Version:
        """Return a version by its number.

        Raises:
            InputError: there is none.
        """
        found = {item.version: item for item in self.versions()}
        if number not in found:
            raise InputError(
                "unknown_version",
                f"{self._name} has no version {number}",
                f"run `radloop review list`; versions: {sorted(found) or 'none'}",
            )
        return found[number]

    def aliases(self) -> dict[Alias, int]:
        """Return which version each alias names."""
        if not self._exists():
            return {}
        named = self._client.get_registered_model(self._name).aliases
        return {alias: int(named[alias]) for alias in ALIASES if alias in named}

    def alias(self, name: Alias) -> Version:
        """Return the version that an alias names.

        Raises:
            Refusal: it names none, code `no_champion` and the like.
        """
        number = self.aliases().get(name)
        if number is None:
            raise Refusal(f"no_{name}", f"{self._name} has no {name}{_MISSING[name][0]}", _MISSING[name][1].format(self._name))
        return self.version(number)

    def point(self, name: Alias, version: int | None) -> None:
        """Move an alias, or take it away."""
        if version is None:
            if name in self.aliases():
                self._client.delete_registered_model_alias(self._name, name)
        else:
            self._client.set_registered_model_alias(self._name, name, str(version))

    def describe(self, version: int, description: str) -> None:
        """Write a version's page anew, in Markdown."""
        self._client.update_model_version(self._name, str(version), description)

    def tag(self, version: int, tags: Mapping[str, str]) -> None:
        """Write tags on a version."""
        for name, text in tags.items():
            self._client.set_model_version_tag(self._name, str(version), name, text)

    def untag(self, version: int, name: str) -> None:
        """Take a tag away, if it is there."""
        if name in self.version(version).tags:
            self._client.delete_model_version_tag(self._name, str(version), name)

    def attach(self, run_id: str, folder: Path, metrics: Mapping[str, float]) -> None:
        """Keep a copy of a folder's files with the run, under `judgement`, and numbers for MLflow's own comparisons."""
        self._tracker.artifacts(run_id, folder, "judgement")
        self._tracker.numbers(run_id, metrics)

    def has_run(self, run_id: str) -> bool:
        """Tell whether MLflow holds a run."""
        return self._tracker.has_run(run_id)

    def _exists(self) -> bool:
        return any(model.name == self._name for model in self._client.search_registered_models(f"name = '{self._name}'"))

    def _ensure_model(self) -> None:
        if not self._exists():
            self._client.create_registered_model(self._name)

    def _log_model(self, run_id: str, bundle: Path) -> tuple[str, str]:
        """Log the bundle as a pyfunc that names a loader module: nothing is pickled, nothing inferred."""
        os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
        import mlflow
        from mlflow.models import ModelSignature
        from mlflow.types import ColSpec, Schema

        facts = read_facts(bundle)
        endings = [f" {label}" for label in facts.outputs] if len(facts.outputs) > 1 else [""]
        given = [ColSpec("string" if item.words else "double", item.name, required=False) for item in facts.clinical]
        signature = ModelSignature(
            inputs=Schema([ColSpec("string", "image"), *given]),
            outputs=Schema(
                [
                    ColSpec(kind, name + ending)
                    for ending in endings
                    for kind, name in (("double", "probability"), ("boolean", "positive"))
                ]
            ),
        )
        with mlflow.start_run(run_id=run_id), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it misses an input example, which would be an image
            info = mlflow.pyfunc.log_model(
                name="bundle",
                loader_module="radloop.governance.pyfunc",
                data_path=str(bundle),
                signature=signature,
                pip_requirements=[f"radloop=={__version__}"],
            )
        return str(info.model_id), str(info.artifact_path if "://" in str(info.artifact_path) else info.model_uri)


def reviewed_versions(settings: Settings) -> list[Version]:
    """Return the versions of every use case that carry the tag `radloop.review`, whoever set it."""
    client = Tracker("", settings).client
    found = client.search_model_versions("tags.`radloop.review` LIKE '%'")
    return [_version(item) for item in found]


def _version(item: ModelVersion) -> Version:
    tags = dict(item.tags or {})
    return Version(
        use_case=str(item.name),
        version=int(item.version),
        bundle=tags.get("radloop.bundle", ""),
        evidence=tags.get("radloop.evidence", ""),
        verdict=tags.get("radloop.verdict", ""),
        run=tags.get("radloop.run", ""),
        run_id=str(item.run_id or ""),
        review=tags.get("radloop.review"),
        tags=tags,
    )
