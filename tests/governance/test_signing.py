"""Signed decisions: with keys on, one changed byte of approval, signature or key list is found by deploy and by serving."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Loop
from installations import copy_installation

from radloop.errors import InputError, IntegrityError, RadloopError, Refusal
from radloop.governance.decisions import decisions, decisions_file, last_decision
from radloop.governance.deployment import deploy, rollback
from radloop.governance.key_file import OpenKey, make_key, open_key
from radloop.governance.keys import list_key, revoke_key
from radloop.governance.registry import Registry, Version
from radloop.governance.review import AUTHOR, bundle_folder, decide_on
from radloop.inference.pointer import read_pointer
from radloop.inference.predictor import Predictor
from radloop.inference.reviewers import reviewers_file
from radloop.inference.signature import is_signed
from radloop.inference.verification import verify
from radloop.records import chain
from radloop.records.seal import canonical, seal
from radloop.settings import Settings

NAME, NOTE, PASSPHRASE, UC = "Dr. A. Reader", "read the report", "correct horse", "phantom-cxr"


@pytest.fixture
def settings(loop: Loop, tmp_path: Path) -> Settings:
    """The settings of a copy of the loop's installation."""
    return copy_installation(loop.installation, tmp_path / "site").settings


def listed(settings: Settings, name: str = NAME, account: str | None = None) -> OpenKey:
    made = make_key(name, PASSPHRASE)
    list_key(name, made.public, "reviewer", account, settings)
    return open_key(canonical(made.model_dump(mode="json")), PASSPHRASE)


def version(settings: Settings) -> Version:
    return Registry(UC, settings).version(1)


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def test_one_changed_byte_stops_deploy_and_serving_and_is_named(settings: Settings) -> None:
    key = listed(settings)
    approval = decide_on(UC, 1, "approve", "", NOTE, settings, key)
    assert (approval["by"], approval["verified"], approval["key"]) == (NAME, True, key.id)
    folder = bundle_folder(version(settings), settings)
    assert is_signed((folder / "approval.json").read_bytes(), (folder / "approval.sig").read_text().strip(), key.public)
    for path, code, word in (
        (folder / "approval.json", "tampered_approval", "approval"),
        (folder / "approval.sig", "tampered_signature", "signature"),
        (reviewers_file(settings.bundles), "tampered_reviewers", "key list"),
    ):
        whole = path.read_bytes()
        path.write_bytes(flipped(whole))
        for refuse in (lambda: deploy(UC, settings), lambda: Predictor(folder)):
            with pytest.raises(IntegrityError) as caught:
                refuse()
            assert (caught.value.code, caught.value.message.partition(":")[0]) == (code, word)
        path.unlink()
        with pytest.raises(RadloopError) as gone:
            verify(folder)
        assert gone.value.code == code.replace("tampered", "missing")
        path.write_bytes(whole)
    assert verify(folder).approval.by == NAME


def test_signed_from_approval_to_rollback(settings: Settings) -> None:
    key = listed(settings)
    decide_on(UC, 1, "approve", "", NOTE, settings, key)
    done = deploy(UC, settings)
    assert done.bento is not None
    packed = settings.place / "bentoml" / "bentos" / Path(*done.bento.split(":")) / "src" / "bundles"
    assert (packed / "reviewers.json").read_bytes() == reviewers_file(settings.bundles).read_bytes()
    assert verify(packed / UC / done.bundle.removeprefix("sha256:")).approval.key == key.id
    Registry(UC, settings).point("previous", 1)  # there is only one: what counts here is who may
    with pytest.raises(Refusal) as caught:
        rollback(UC, settings, NAME, "drift")
    assert caught.value.code == "key_needed"
    with pytest.raises(InputError, match="a name and a note"):
        rollback(UC, settings, NAME, " ", key)
    rollback(UC, settings, "", "drift", key)
    last = list(decisions(settings, UC))[-1]
    assert (last["decision"], last["by"], last["note"], last["verified"]) == ("rollback", NAME, "drift", True)
    assert is_signed(
        canonical({name: value for name, value in last.items() if name != "signature"}), last["signature"], key.public
    )


def test_with_keys_on_an_unverified_approval_is_not_served(settings: Settings) -> None:
    decide_on(UC, 1, "approve", "Dr. Anybody", NOTE, settings)
    folder = bundle_folder(version(settings), settings)
    assert verify(folder).approval.verified is False
    assert "unverified name" in (folder / "report.html").read_text()
    listed(settings)
    for refuse in (lambda: deploy(UC, settings), lambda: Predictor(folder)):
        with pytest.raises(IntegrityError) as caught:
            refuse()
        assert caught.value.code == "unverified_approval"
    assert read_pointer(settings.bundles, UC) is None


def test_what_a_key_signed_before_it_was_revoked_stays_valid(settings: Settings) -> None:
    key = listed(settings)
    decide_on(UC, 1, "approve", "", NOTE, settings, key)
    revoke_key(NAME, settings)
    assert verify(bundle_folder(version(settings), settings)).approval.by == NAME
    assert [entry["decision"] for entry in decisions(settings, UC)] == ["approve"]
    with pytest.raises(Refusal) as caught:
        decide_on(UC, 1, "reject", "", NOTE, settings, key)
    assert caught.value.code == "key_revoked"
    report = (bundle_folder(version(settings), settings) / "report.html").read_text()
    assert key.id in report
    assert "unverified name" not in report


def test_an_approval_dated_after_its_key_was_revoked(settings: Settings) -> None:
    key = listed(settings)
    approval = decide_on(UC, 1, "approve", "", NOTE, settings, key)
    revoke_key(NAME, settings)
    folder = bundle_folder(version(settings), settings)
    late = seal(approval | {"time": "2999-01-01T00:00:00+00:00"})
    (folder / "approval.json").write_bytes(canonical(late))
    (folder / "approval.sig").write_text(key.sign(canonical(late)) + "\n")
    with pytest.raises(IntegrityError, match="was not listed when it signed"):
        verify(folder)
    early = seal(approval | {"note": "backdated"})  # what serving believes, and the record does not
    (folder / "approval.json").write_bytes(canonical(early))
    (folder / "approval.sig").write_text(key.sign(canonical(early)) + "\n")
    verify(folder)
    with pytest.raises(IntegrityError, match="not the decision that the record holds"):
        deploy(UC, settings)


def test_the_record_refuses_a_decision_that_nobody_listed_signed(settings: Settings) -> None:
    """Whoever can write the record can keep its chain whole; a signature they cannot make."""
    key = listed(settings)
    decide_on(UC, 1, "approve", "", NOTE, settings, key)
    forged = {**decide_on(UC, 1, "reject", "", NOTE, settings, key), "decision": "approve"}
    stranger = open_key(canonical(make_key(NAME, PASSPHRASE).model_dump(mode="json")), PASSPHRASE)
    path = decisions_file(settings)
    whole = path.read_bytes()
    for payload in (
        forged,  # unsigned
        {**forged, "signature": stranger.sign(canonical(forged))},
        {**forged, "by": "Dr. B", "signature": key.sign(canonical({**forged, "by": "Dr. B"}))},
        {**forged, "verified": False, "key": None},
    ):
        chain.append(path, payload)
        with pytest.raises(IntegrityError, match=r"line 4 of decisions\.jsonl"):
            list(decisions(settings))
        path.write_bytes(whole)
    assert len(list(decisions(settings))) == 3


def test_four_eyes(settings: Settings) -> None:
    """The evidence says whether four eyes are asked for; a copy of it is told so, with its seal and tag."""
    registry, one = Registry(UC, settings), version(settings)
    path = bundle_folder(one, settings) / "evidence.json"
    evidence = json.loads(path.read_bytes())
    assert evidence["use_case"]["config"]["review"]["four_eyes"] is False
    assert one.tags[AUTHOR] == one.tags["mlflow.user"]
    evidence["use_case"]["config"]["review"]["four_eyes"] = True
    sealed = seal(evidence)
    path.write_bytes(canonical(sealed))
    registry.tag(1, {"radloop.evidence": sealed["seal"], AUTHOR: "areader"})
    with pytest.raises(Refusal) as caught:
        decide_on(UC, 1, "approve", "AReader", NOTE, settings)
    assert caught.value.code == "own_run"
    assert decide_on(UC, 1, "approve", "Dr. B", NOTE, settings)["by"] == "Dr. B"
    key = listed(settings, account="areader")
    with pytest.raises(Refusal) as own:
        decide_on(UC, 1, "approve", "", NOTE, settings, key)
    assert own.value.code == "own_run"
    assert decide_on(UC, 1, "reject", "", NOTE, settings, key)["by"] == NAME  # one's own run may be rejected
    registry.untag(1, AUTHOR)
    with pytest.raises(Refusal) as unknown:
        decide_on(UC, 1, "approve", "", NOTE, settings, listed(settings, "Dr. C"))
    assert unknown.value.code == "author_unknown"
    last = last_decision(settings, UC, 1)
    assert last is not None
    assert last["decision"] == "reject"
