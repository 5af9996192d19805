"""Review and deployment: only what a person approved, and only as it was approved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Loop
from installations import Installation, copy_installation

from radloop.errors import InputError, IntegrityError, Refusal
from radloop.governance.decisions import append, decisions
from radloop.governance.deployment import deploy
from radloop.governance.registry import Registry, Version
from radloop.governance.review import check_compared, decide_on
from radloop.inference.pointer import Pointer, read_pointer, replace_pointer
from radloop.records.seal import canonical, seal
from radloop.settings import Settings

BY, NOTE = "Dr. A. Reader", "read the report"


@pytest.fixture
def site(loop: Loop, tmp_path: Path) -> Installation:
    """A copy of the loop's installation, so that a test may spoil it."""
    return copy_installation(loop.installation, tmp_path / "site")


@pytest.fixture
def settings(site: Installation) -> Settings:
    return site.settings


def folder(settings: Settings) -> Path:
    version = Registry("phantom-cxr", settings).version(1)
    return settings.bundles / "phantom-cxr" / version.bundle.removeprefix("sha256:")


def flip(path: Path) -> None:
    """Flip one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_without_approval_nothing_is_deployed(settings: Settings) -> None:
    with pytest.raises(Refusal) as caught:
        deploy("phantom-cxr", settings)
    assert (caught.value.code, caught.value.exit_code) == ("not_approved", 3)
    assert read_pointer(settings.bundles, "phantom-cxr") is None
    assert "champion" not in Registry("phantom-cxr", settings).aliases()


def test_a_decision_needs_a_version_a_name_and_a_note(settings: Settings) -> None:
    with pytest.raises(InputError, match="has no version 9"):
        decide_on("phantom-cxr", 9, "approve", BY, NOTE, settings)
    for by, note in (("", NOTE), (BY, " ")):
        with pytest.raises(InputError, match="a name and a note"):
            decide_on("phantom-cxr", 1, "approve", by, note, settings)


def test_approval_binds_the_digests_and_is_recorded(settings: Settings) -> None:
    approval = decide_on("phantom-cxr", 1, "approve", BY, NOTE, settings)
    version = Registry("phantom-cxr", settings).version(1)
    assert (approval["bundle"], approval["evidence"]) == (version.bundle, version.evidence)
    assert version.review == f"approve: {NOTE}"
    assert [(entry["decision"], entry["by"]) for entry in decisions(settings)] == [("approve", BY)]


def test_deploy_moves_pointer_and_aliases_and_builds_the_bento(settings: Settings) -> None:
    decide_on("phantom-cxr", 1, "approve", BY, NOTE, settings)
    done = deploy("phantom-cxr", settings)
    pointer = read_pointer(settings.bundles, "phantom-cxr")
    assert pointer is not None
    assert pointer.bundle == done.bundle
    assert Registry("phantom-cxr", settings).aliases() == {"champion": 1}
    assert done.bento is not None
    assert done.bento.startswith("radloop-service:")
    assert [entry["decision"] for entry in decisions(settings)] == ["approve", "deploy"]
    again = deploy("phantom-cxr", settings)
    assert (again.version, again.bento) == (1, done.bento)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("evidence.json", "evidence"),
        ("approval.json", "approval"),
        ("bundle/model.bin", "bundle: model.bin"),
        ("bundle/bundle.json", "bundle: bundle.json"),
        ("bundle/reference.npz", "bundle: reference.npz"),
    ],
)
def test_one_flipped_byte_after_approval_stops_deploy_and_is_named(settings: Settings, name: str, word: str) -> None:
    decide_on("phantom-cxr", 1, "approve", BY, NOTE, settings)
    flip(folder(settings) / name)
    with pytest.raises(IntegrityError) as caught:
        deploy("phantom-cxr", settings)
    assert caught.value.exit_code == 3
    assert caught.value.message.startswith(word)
    assert read_pointer(settings.bundles, "phantom-cxr") is None


@pytest.mark.parametrize("name", ["evidence.json", "bundle/model.bin"])
def test_one_flipped_byte_before_approval_stops_the_approval(settings: Settings, name: str) -> None:
    flip(folder(settings) / name)
    with pytest.raises(IntegrityError):
        decide_on("phantom-cxr", 1, "approve", BY, NOTE, settings)
    assert list(decisions(settings)) == []


def test_a_forged_approval_with_a_valid_seal_is_not_in_the_record(settings: Settings) -> None:
    approval = decide_on("phantom-cxr", 1, "approve", BY, NOTE, settings)
    forged = seal(approval | {"by": "Dr. B. Forger"})
    (folder(settings) / "approval.json").write_bytes(canonical(forged))
    with pytest.raises(IntegrityError, match="not the decision that the record holds"):
        deploy("phantom-cxr", settings)


def _worsen(evidence: dict[str, object]) -> None:
    evidence["parity"] = {"n": 12, "max_difference": 0.5, "flips": 3}


@pytest.mark.parametrize("change", [_worsen])
def test_what_the_gate_rejects_cannot_be_approved_whatever_the_tags_say(
    settings: Settings, change: Callable[[dict[str, object]], None]
) -> None:
    """Rewrite the evidence with a valid seal and even move the tag to it: the gate is asked again."""
    import json

    path = folder(settings) / "evidence.json"
    evidence = json.loads(path.read_bytes())
    change(evidence)
    sealed = seal(evidence)
    path.write_bytes(canonical(sealed))
    registry = Registry("phantom-cxr", settings)
    registry.tag(1, {"radloop.evidence": sealed["seal"], "radloop.verdict": "passed"})
    with pytest.raises(Refusal) as caught:
        decide_on("phantom-cxr", 1, "approve", BY, NOTE, settings)
    assert caught.value.code == "gate_rejected"
    assert "parity" in caught.value.message


def test_a_rejection_takes_candidate_and_approval_away(settings: Settings) -> None:
    decide_on("phantom-cxr", 1, "approve", BY, NOTE, settings)
    decide_on("phantom-cxr", 1, "reject", BY, "second thoughts", settings)
    assert Registry("phantom-cxr", settings).aliases() == {}
    with pytest.raises(Refusal):
        deploy("phantom-cxr", settings, 1)


@pytest.mark.parametrize("since", [None, 1])
def test_what_was_judged_beside_another_champion_is_refused(tmp_path: Path, since: int | None) -> None:
    settings = Settings(root=tmp_path, home=tmp_path / ".radloop")
    digest = f"sha256:{'0' * 64}"
    version = Version("phantom-cxr", 3, digest, "", "passed", "", "", None, {})
    asked = {"policy": {"rules": [{"kind": "parity"}, {"kind": "non_inferiority"}]}, "changes": {"since": since}}
    check_compared(version, asked, settings)  # there is no champion
    replace_pointer(settings.bundles, Pointer(use_case="phantom-cxr", bundle=digest, version=2))
    with pytest.raises(Refusal) as caught:
        check_compared(version, asked, settings)
    assert caught.value.code == "champion_changed"
    assert "version 3 was not judged beside version 2" in caught.value.message
    with pytest.raises(Refusal):
        check_compared(version, {"policy": asked["policy"]}, settings)
    check_compared(version, asked | {"changes": {"since": 2}}, settings)
    check_compared(version, asked | {"policy": {"rules": [{"kind": "parity"}]}}, settings)
    append(settings, {"use_case": "phantom-cxr", "version": 3, "decision": "deploy"})
    check_compared(version, asked, settings)  # it was served before, and comes back


def test_the_commands_exit_codes(site: Installation) -> None:
    assert site.call("deploy", "phantom-cxr", check=3)["error"]["code"] == "not_approved"
    assert (
        site.call("review", "approve", "phantom-cxr", "7", "--by", BY, "--note", NOTE, check=2)["error"]["code"]
        == "unknown_version"
    )
    assert (
        site.call("predict", str(site.root / "data.dvc"), "--use-case", "phantom-cxr", check=3)["error"]["code"] == "no_champion"
    )
