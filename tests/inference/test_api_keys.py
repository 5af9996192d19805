"""API keys: made, hashed, revoked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from radloop.errors import InputError, IntegrityError, Refusal
from radloop.inference.api_keys import check_host, hash_key, identifier, is_loopback, issue, keys_file, read_keys, revoke
from radloop.records.secret import secret
from radloop.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path, home=tmp_path / ".radloop")


def test_only_a_keyed_hash_is_kept(settings: Settings) -> None:
    made, key = issue("viewer", settings, ("tb-cxr",), "north", 60)
    assert identifier(key) == made.id and len(key) == 55
    content = keys_file(settings).read_text()
    assert key not in content and key.split("_", 2)[2] not in content
    assert made.hash == hash_key(key, secret("api", settings)) != hash_key(key, b"another installation")
    assert keys_file(settings).stat().st_mode & 0o777 == 0o600
    listed = read_keys(settings)
    assert listed is not None and listed.keys == (made,)
    assert (made.allowed, made.site, made.rate, made.revoked) == (frozenset({"tb-cxr"}), "north", 60, None)


def test_a_name_has_one_key_at_a_time(settings: Settings) -> None:
    first, _ = issue("viewer", settings)
    with pytest.raises(Refusal, match="has a key"):
        issue("viewer", settings)
    gone = revoke("viewer", settings)
    assert gone.id == first.id and gone.revoked is not None
    second, _ = issue("viewer", settings)
    listed = read_keys(settings)
    assert listed is not None and listed.keys == (gone, second)
    revoke("viewer", settings)
    with pytest.raises(InputError, match="no key"):
        revoke("viewer", settings)
    assert read_keys(settings) is not None  # revoking the last one does not open the service


@pytest.mark.parametrize(("name", "use_cases"), [("", None), ("a\nb", None), ("x" * 65, None), ("viewer", ("../tb",))])
def test_names_that_cannot_be(settings: Settings, name: str, use_cases: tuple[str, ...] | None) -> None:
    with pytest.raises(InputError):
        issue(name, settings, use_cases)
    assert read_keys(settings) is None


def test_an_edited_list_is_refused(settings: Settings) -> None:
    issue("viewer", settings, ("tb-cxr",))
    path = keys_file(settings)
    path.write_text(path.read_text().replace("tb-cxr", "xx-cxr"))
    with pytest.raises(IntegrityError) as caught:
        read_keys(settings)
    assert caught.value.code == "tampered_api_keys"


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:10.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False),
        ("192.168.1.7", False),
        ("localhost.example.org", False),
        ("", False),
    ],
)
def test_what_loopback_is(settings: Settings, host: str, own: bool) -> None:
    assert is_loopback(host) is own
    if own:
        check_host(host, settings)
    else:
        with pytest.raises(Refusal, match="loopback only"):
            check_host(host, settings)
    issue("viewer", settings)
    check_host(host, settings)


def test_the_list_is_canonical(settings: Settings) -> None:
    issue("viewer", settings)
    document = json.loads(keys_file(settings).read_bytes())
    assert set(document) == {"schema_version", "keys", "seal"}
