"""The evidence: the sealed record of how a bundle was made and judged. It never changes."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radloop import __version__
from radloop.data.findings import read_leaks
from radloop.data.manifest import read_manifest, usable
from radloop.data.truths import truths
from radloop.evaluation.judgement import Judgement
from radloop.inference.bundle import Bundle
from radloop.records.seal import digest_bytes, digest_document, digest_file
from radloop.settings import Settings
from radloop.statistics.bounds import METHOD
from radloop.training.result import SearchResult
from radloop.use_case import SPLITS, UseCase

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Code:
    """The code that made a bundle.

    Attributes:
        commit: of the git checkout, None outside one.
        dirty: whether tracked files differed from it; None when unknown.
        lock: digest of `requirements.lock`, None where there is none.
    """

    commit: str | None
    dirty: bool | None
    version: str
    lock: str | None


def code_facts(root: Path) -> Code:
    """Return commit, dirtiness, version and lock of the code in a folder."""
    commit = _git(root, "rev-parse", "HEAD")
    # data.dvc and dvc.lock are data: a new data version is no change of the code.
    changes = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!data.dvc", ":!dvc.lock")
    lock = root / "requirements.lock"
    return Code(
        commit or None, bool(changes) if changes is not None else None, __version__, digest_file(lock) if lock.is_file() else None
    )


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def split_counts(folder: Path, use_case: UseCase) -> dict[str, dict[str, Any]]:
    """Return images, patients and positives of every split of a manifest.

    Of several labels, `labels` has the positives of each in place of `positives`.
    """
    frame = usable(read_manifest(folder))
    return {split: _counts(frame[frame["split"] == split], use_case) for split in SPLITS}


def _counts(part: pd.DataFrame, use_case: UseCase) -> dict[str, Any]:
    positives = np.sum(truths(part, use_case) == 1, axis=0).tolist()
    counts: dict[str, Any] = {"images": len(part), "patients": int(part["patient"].nunique())}
    if len(use_case.outputs) == 1:
        return counts | {"positives": positives[0]}
    return counts | {"labels": dict(zip(use_case.outputs, positives, strict=True))}


def excluded_counts(folder: Path) -> dict[str, int]:
    """Return how many images no split uses, by the reason: `leak`, or `quarantine:` and its rules."""
    return {str(reason): int(count) for reason, count in read_manifest(folder)["excluded"].value_counts().sort_index().items()}


def leak_counts(folder: Path) -> dict[str, Any]:
    """Return the leakage policy, what it dropped, how many findings of each kind ingest made, and how many of them stand."""
    found = read_leaks(folder)
    kinds = Counter(str(leak["kind"]) for leak in found["leaks"])
    standing = sum(bool(leak["stands"]) for leak in found["leaks"])
    return {"policy": found["policy"], "dropped": found["dropped"], "standing": standing, "findings": dict(sorted(kinds.items()))}


def _bundle_facts(bundle: Bundle, use_case: UseCase) -> dict[str, Any]:
    """Return what the evidence keeps of a bundle; one output has its threshold and temperature by themselves too."""
    facts = bundle.facts
    config = use_case.model_dump(mode="json")
    document = {
        "digest": bundle.digest,
        "files": dict(bundle.files),
        "engine": facts.engine.kind,
        "precision": facts.engine.precision,
        "threshold_policy": config["operating_point"],
        "backbone": facts.network.backbone,
        "size": facts.image.size,
        "outputs": list(facts.outputs),
        "thresholds": list(facts.thresholds),
        "group_thresholds": None if facts.groups is None else facts.groups.model_dump(mode="json"),
        "temperatures": list(facts.calibration.temperatures),
        "calibration_warnings": list(facts.calibration.warnings),
        "clinical": [item.name for item in facts.clinical],
        **{name: config[name] for name in ("severity", "location", "fusion")},
    }
    if len(facts.outputs) == 1:
        document |= {"threshold": facts.thresholds[0], "temperature": facts.calibration.temperatures[0]}
    return document


def compose(
    use_case: UseCase,
    data: Mapping[str, Any],
    search: SearchResult,
    bundle: Bundle,
    parity: Mapping[str, Any],
    judgement: Judgement,
    attachments: Mapping[str, bytes],
    settings: Settings,
) -> dict[str, Any]:
    """Return the evidence, not yet sealed.

    Args:
        data: version, entry of `data.dvc` and the validation's verdict.
        parity: the bundle against the trained network; a number that could not be computed is null.
        attachments: figures and the cases' table by file name; the evidence keeps their digests.
    """
    config = use_case.model_dump(mode="json")
    return {
        "schema_version": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "use_case": {
            "name": use_case.name,
            "title": use_case.title,
            "synthetic": use_case.synthetic,
            "digest": digest_document(config),
            "intended_use": config["intended_use"],
            "labels": config["labels"],
            "config": config,
        },
        "policy": config["policy"],
        "policy_subgroups": config["subgroups"]["gated"],
        "data": {
            **data,
            "splits": split_counts(settings.data / use_case.name, use_case),
            "excluded": excluded_counts(settings.data / use_case.name),
            "leaks": leak_counts(settings.data / use_case.name),
        },
        "bundle": _bundle_facts(bundle, use_case),
        "training": {
            "run_id": search.run_id,
            "trial": search.trial,
            "trial_run_id": search.trial_run_id,
            "trials": search.trials,
            "seed": search.seed,
            "tune_value": search.value,
            "params": search.recipe,
        },
        "code": asdict(code_facts(settings.root)),
        "parity": dict(parity),
        **judgement.as_dict(),
        "bootstrap": {
            "draws": use_case.policy.draws,
            "seed": use_case.policy.seed,
            "unit": judgement.cases.unit,
            "method": METHOD,
            "level": 0.95,
        },
        "figures": {name: digest_bytes(content) for name, content in sorted(attachments.items())},
    }
