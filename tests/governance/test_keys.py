"""Keys: made, listed, rotated, revoked, and a decision that only the right one signs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from installations import Installation, make_installation

from radloop.errors import InputError, IntegrityError, Refusal
from radloop.governance.decisions import checked_reviewers, decisions, recorded_reviewers
from radloop.governance.key_file import KeyFile, OpenKey, make_key, open_key, write_key
from radloop.governance.keys import list_key, restore_list, revoke_key, signer
from radloop.inference.reviewers import Reviewer, key_id, reviewers_file
from radloop.inference.signature import is_signed
from radloop.records.seal import canonical, write_sealed
from radloop.settings import Settings

NAME, PASSPHRASE = "Dr. A. Reader", "correct horse"
# RFC 8032, 7.1, test 2: the one byte 0x72 under this key.
RFC_PUBLIC = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
RFC_SIGNATURE = (
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


@pytest.fixture
def settings(installation: Installation) -> Settings:
    return installation.settings


def content_of(key: KeyFile) -> bytes:
    return canonical(key.model_dump(mode="json"))


def listed(settings: Settings, name: str = NAME, rotate: bool = False) -> OpenKey:
    """Make a key, list it, and return it opened."""
    made = make_key(name, PASSPHRASE)
    list_key(name, made.public, "reviewer", None, settings, rotate)
    return open_key(content_of(made), PASSPHRASE)


def test_the_signatures_are_those_of_the_rfc() -> None:
    assert is_signed(b"\x72", RFC_SIGNATURE, RFC_PUBLIC)
    assert not is_signed(b"\x73", RFC_SIGNATURE, RFC_PUBLIC)
    assert not is_signed(b"\x72", RFC_SIGNATURE[:-1] + "1", RFC_PUBLIC)
    assert not is_signed(b"\x72", RFC_SIGNATURE.upper(), RFC_PUBLIC)  # the same number, other bytes


def test_a_key_file_opens_with_its_passphrase_only() -> None:
    made = make_key(NAME, PASSPHRASE)
    key = open_key(content_of(made), PASSPHRASE)
    assert is_signed(b"words", key.sign(b"words"), made.public)
    assert key.id == key_id(made.public)
    with pytest.raises(Refusal) as caught:
        open_key(content_of(made), "correct house")
    assert caught.value.code == "wrong_passphrase"
    for change in ({"name": "Dr. B"}, {"public": RFC_PUBLIC}, {"encrypted": made.encrypted[:-1] + "0"}):
        edited = made.model_copy(update=change)
        if edited != made:
            with pytest.raises(Refusal):
                open_key(content_of(edited), PASSPHRASE)
    with pytest.raises(InputError, match="no key of Radloop's"):
        open_key(b"-----BEGIN PRIVATE KEY-----", PASSPHRASE)


def test_a_key_file_is_its_owners_alone_and_never_written_over(tmp_path: Path) -> None:
    made = make_key(NAME, PASSPHRASE)
    write_key(tmp_path / "a.key", made)
    assert (tmp_path / "a.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(InputError, match="exists"):
        write_key(tmp_path / "a.key", made)
    with pytest.raises(InputError, match="at least 8 characters"):
        make_key(NAME, "1234567")


def test_without_a_listed_key_names_are_taken_as_given(settings: Settings) -> None:
    assert checked_reviewers(settings) is None
    assert signer(" Dr. B ", None, settings) == ("Dr. B", None)
    with pytest.raises(Refusal, match="is not listed"):
        signer("", open_key(content_of(make_key(NAME, PASSPHRASE)), PASSPHRASE), settings)


def test_once_a_key_is_listed_it_has_to_be_used(settings: Settings) -> None:
    key = listed(settings)
    name, reviewer = signer("", key, settings)
    assert name == NAME
    assert reviewer is not None
    assert reviewer.key == key.id
    with pytest.raises(Refusal) as caught:
        signer(NAME, None, settings)
    assert caught.value.code == "key_needed"
    with pytest.raises(InputError) as wrong:
        signer("Dr. B", key, settings)
    assert wrong.value.code == "wrong_name"


def test_rotating_and_revoking(settings: Settings) -> None:
    old = listed(settings)
    with pytest.raises(Refusal, match="has a key"):
        listed(settings)
    new = listed(settings, rotate=True)
    assert signer("", new, settings)[0] == NAME
    with pytest.raises(Refusal) as caught:
        signer("", old, settings)
    assert caught.value.code == "key_revoked"
    revoke_key(NAME, settings)
    with pytest.raises(Refusal):
        signer("", new, settings)
    with pytest.raises(Refusal) as unsigned:  # revoking the last key does not switch keys off
        signer(NAME, None, settings)
    assert unsigned.value.code == "key_needed"
    with pytest.raises(Refusal, match="no key that could be revoked"):
        revoke_key(NAME, settings)
    assert [entry["decision"] for entry in decisions(settings)] == ["key listed", "key revoked", "key listed", "key revoked"]


def test_every_byte_of_the_key_list_counts(settings: Settings) -> None:
    listed(settings)
    path = reviewers_file(settings.bundles)
    whole = path.read_bytes()
    for place in range(0, len(whole), 17):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(IntegrityError) as caught:
            checked_reviewers(settings)
        assert caught.value.code == "tampered_reviewers"
        assert caught.value.message.startswith("key list: reviewers.json")


def test_a_list_with_a_valid_seal_that_the_record_does_not_have(settings: Settings) -> None:
    listed(settings)
    path = reviewers_file(settings.bundles)
    document = json.loads(path.read_bytes())
    stranger = Reviewer(
        name="Dr. F. Orger", key=key_id(RFC_PUBLIC), public=RFC_PUBLIC, listed="2026-01-01T00:00:00+00:00"
    ).model_dump(mode="json")
    write_sealed(path, document | {"reviewers": [*document["reviewers"], stranger]})
    with pytest.raises(IntegrityError, match="not what the record of decisions has"):
        checked_reviewers(settings)
    path.unlink()
    with pytest.raises(IntegrityError) as caught:
        checked_reviewers(settings)
    assert caught.value.code == "missing_reviewers"
    assert restore_list(settings) == recorded_reviewers(settings) == checked_reviewers(settings)


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_installation(tmp_path / "site")
    monkeypatch.setenv("PASS", PASSPHRASE)
    monkeypatch.setattr("radloop.commands.signing.PASSPHRASE", "PASS")  # an installation's environment has no RADLOOP_*
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert site.call("keys", "list") == {"on": False, "reviewers": []}
    made = site.call("keys", "new", NAME, "--account", "areader")
    assert (made["name"], made["account"], made["file"]) == (NAME, "areader", str(tmp_path / "radloop" / "dr-a-reader.key"))
    assert KeyFile.model_validate_json(Path(made["file"]).read_bytes()).public == made["public"]
    assert site.call("keys", "new", NAME, check=3)["error"]["code"] == "key_exists"
    assert site.call("keys", "add", "Dr. B", "3d40", check=2)["error"]["code"] == "invalid_key"
    site.call("keys", "add", "Dr. B", RFC_PUBLIC)
    assert site.call("keys", "revoke", NAME)["revoked"] is not None
    names = [(one["name"], one["revoked"] is None) for one in site.call("keys", "list")["reviewers"]]
    assert names == [(NAME, False), ("Dr. B", True)]
    assert site.call("keys", "restore") == site.call("keys", "list")
    assert "reviewers: decisions are signed, by Dr. B" in [one["what"] for one in site.call("doctor")["findings"]]
    log = site.call("review", "log")["decisions"]
    assert [(one["decision"], one["reviewer"]["name"]) for one in log] == [
        ("key listed", NAME),
        ("key listed", "Dr. B"),
        ("key revoked", NAME),
    ]
