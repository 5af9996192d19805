"""`radloop data diff`, `radloop data restore` and `radloop erase`, as a person runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from data_folders import Image, fill_folder
from installations import Installation

from radloop.configuration import load_use_case
from radloop.data import versions
from radloop.data.objects import folder_listing
from radloop.data.pseudonym_key import pseudonym_key
from radloop.images.pseudonym import pseudonym
from radloop.records.seal import write_sealed

UC = "phantom-cxr"
WHO = "MRN-CANARY-0042"


def two_patients(installation: Installation) -> tuple[str, list[str]]:
    """Pin the canary's image and another's; return the canary's pseudonym and the ids."""
    settings = installation.settings
    name = pseudonym(pseudonym_key(load_use_case(UC, settings), settings), WHO)
    ids = fill_folder(UC, [Image(b"one", name), Image(b"two", "P00000000000000b2")], settings)
    versions.pin(UC, settings)
    return name, ids


def test_diff_of_previous_and_current(installation: Installation) -> None:
    name, ids = two_patients(installation)
    fill_folder(UC, [Image(b"one", name, split="test")], installation.settings)
    now = versions.pin(UC, installation.settings)
    document = installation.call("data", "diff", UC, "previous", now.version[:8])
    assert document["to"] == now.version
    assert (document["came"], document["went"], document["erased"]) == ([], [ids[1]], [])
    assert document["changed"] == [{"id": ids[0], "column": "split", "from": "train", "to": "test"}]
    assert document["counts"] == {"from": 2, "to": 1, "came": 0, "went": 1, "changed": 1, "same": 0}
    shown = installation.run("data", "diff", UC, "previous", "current", check=0).stdout.splitlines()
    assert shown[1:] == [f"- {ids[1]}", f"~ {ids[0]} split: train -> test"]


def test_restore_by_digits_here_and_elsewhere(installation: Installation, tmp_path: Path) -> None:
    two_patients(installation)
    first = versions.pinned(UC, installation.settings)
    assert first is not None
    whole = folder_listing(installation.settings.data / UC)
    fill_folder(UC, [Image(b"three", "P00000000000000b2")], installation.settings)
    versions.pin(UC, installation.settings)
    document = installation.call("data", "restore", f"{UC}@{first.version[:9]}", "--to", str(tmp_path / "there"))
    assert (document["data_version"], document["files"]) == (first.version, 4)
    assert folder_listing(tmp_path / "there") == whole
    assert installation.call("data", "restore", f"{UC}@previous")["changed"]
    assert versions.pinned(UC, installation.settings) == first


def test_restore_of_a_champion_takes_the_entry_of_its_evidence(installation: Installation) -> None:
    from mlflow import MlflowClient

    two_patients(installation)
    settings = installation.settings
    first = versions.pinned(UC, settings)
    assert first is not None
    digest = "ab" * 32
    evidence = write_sealed(
        settings.bundles / UC / digest / "evidence.json", {"data": {"version": first.version, "entry": first.entry}}
    )
    (settings.place / "mlflow").mkdir()
    client = MlflowClient(settings.tracking_uri, settings.tracking_uri)
    client.create_registered_model(UC)
    tags = {"radloop.bundle": f"sha256:{digest}", "radloop.evidence": evidence["seal"]}
    client.create_model_version(UC, str(settings.bundles / UC / digest), tags=tags)
    client.set_registered_model_alias(UC, "champion", "1")
    fill_folder(UC, [Image(b"three", "P00000000000000b2")], settings)
    versions.pin(UC, settings)
    for word in ("champion", "1"):
        assert installation.call("data", "restore", f"{UC}@{word}")["data_version"] == first.version
        assert installation.call("data", "restore", f"{UC}@previous")["changed"]
    assert installation.call("data", "restore", f"{UC}@candidate", check=3)["error"]["code"] == "no_candidate"
    assert installation.call("data", "diff", UC, "champion", "current")["counts"]["came"] == 1


@pytest.mark.parametrize("by", ["identifier", "pseudonym"])
def test_erase_takes_the_sources_identifier_or_the_pseudonym_and_names_nobody(installation: Installation, by: str) -> None:
    name, ids = two_patients(installation)
    first = versions.pinned(UC, installation.settings)
    assert first is not None
    said = {"identifier": WHO, "pseudonym": name}[by]
    dry = installation.call("erase", said, "--dry-run")
    assert dry["erased"][0]["counts"]["rows"] == 1
    document = installation.call("erase", said)
    assert document["erased"][0]["use_cases"] == [UC]
    assert installation.call("erase", said)["erased"][0]["already"]
    assert WHO not in json.dumps([dry, document])
    assert [path.stem for path in (installation.settings.data / UC / "images").iterdir()] == [ids[1]]
    document = installation.call("data", "restore", f"{UC}@{first.version[:12]}", check=3)
    assert document["error"]["code"] == "version_erased"
    assert not installation.call("data", "restore", f"{UC}@{first.version[:12]}", "--erased")["changed"]
    assert installation.call("data", "diff", UC, first.version, "current")["erased"] == [first.version]
    for path in installation.root.rglob("*"):
        assert WHO not in path.name
        assert not path.is_file() or WHO.encode() not in path.read_bytes()


def test_who_is_nowhere_exits_2_and_nothing_is_written(installation: Installation) -> None:
    command = [sys.executable, "-m", "radloop", "erase", "-"]
    done = subprocess.run(
        command,
        cwd=installation.root,
        env=installation.environment,
        input=f"{WHO}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert WHO not in done.stdout + done.stderr
    assert done.stderr.startswith("error: no data of this patient is known here")
    assert list((installation.root / ".radloop").iterdir()) == []
    assert installation.call("erase", "", check=2)["error"]["code"] == "unknown_patient"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["diff", "phantom-cxt", "current", "previous"], "unknown_use_case"),
        (["diff", UC, "current", "previous"], "unknown_data_version"),
        (["diff", UC, "champin", "current"], "unknown_data_version"),
        (["restore", UC], "version_missing"),
        (["restore", f"{UC}@0123456789abcdef"], "unknown_data_version"),
        (["restore", f"{UC}@7"], "unknown_version"),
    ],
)
def test_what_cannot_be_understood_exits_2(installation: Installation, arguments: list[str], code: str) -> None:
    assert installation.call("data", *arguments, check=2)["error"]["code"] == code


def test_the_module_imports_nothing_heavy() -> None:
    script = (
        "import sys, radloop.commands.versioning;"
        "print([m for m in ('pandas', 'pyarrow', 'mlflow', 'fsspec', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
