"""API keys: who may ask the service, about which use cases, and how often.

A key is `rl_`, 8 digits that name it, and 43 characters of 256 random bits. The list keeps an HMAC-SHA256 of it under
a secret of the installation. A slow hash (scrypt) would protect a password that people choose; against 256 random bits
no guessing helps, and a slow hash would cost every answer more than the network does. The secret is there for the
other side: who can write the list, but not read the secret, cannot make a key.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from radloop.errors import InputError, IntegrityError, Refusal
from radloop.records.chain import locked
from radloop.records.seal import SEAL, canonical, read_sealed, write_sealed
from radloop.records.secret import secret
from radloop.settings import Settings
from radloop.use_case import USE_CASE_PATTERN, Section

_KEY = re.compile(r"rl_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")
ISSUE = "make a key: radloop keys api new NAME; send it as Authorization: Bearer KEY"
NAME = r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$"


class ApiKey(Section):
    """One key, without its secret. A revoked one stays listed: the record of answers names it."""

    id: str = Field(pattern=r"^[0-9a-f]{8}$")
    name: str = Field(pattern=NAME)
    """Of the program or place that has it, never of a patient; the record of answers holds it."""
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    use_cases: tuple[str, ...] | None = None
    """Which it may ask; None is all."""
    site: str | None = Field(default=None, pattern=NAME)
    """Where its images come from; the record of answers holds it."""
    rate: int | None = Field(default=None, ge=1)
    """Requests a minute; None is the setting's."""
    made: str
    """ISO 8601, UTC, as the next."""
    revoked: str | None = None

    @property
    def allowed(self) -> frozenset[str] | None:
        """Return the use cases that it may ask; None is all."""
        return None if self.use_cases is None else frozenset(self.use_cases)


class ApiKeys(Section):
    """The members of the list, besides its seal. Where it exists, keys are on."""

    schema_version: Literal[1] = 1
    keys: tuple[ApiKey, ...] = Field(min_length=1)

    def active(self, name: str) -> ApiKey | None:
        """Return the key of a name that is not revoked."""
        return next((key for key in self.keys if key.name == name and key.revoked is None), None)


def keys_file(settings: Settings) -> Path:
    """Return the list of API keys."""
    return settings.place / "keys" / "api_keys.json"


def read_keys(settings: Settings) -> ApiKeys | None:
    """Return the list; None where keys are off.

    Raises:
        IntegrityError: `tampered_api_keys`.
    """
    path = keys_file(settings)
    if not path.is_file():
        return None
    try:
        document = read_sealed(path, "api_keys")
        return ApiKeys.model_validate_json(canonical({name: value for name, value in document.items() if name != SEAL}))
    except (IntegrityError, ValidationError):
        raise IntegrityError(
            "tampered_api_keys", f"API keys: {path.name} is not what was sealed", "restore it from a backup, or issue keys anew"
        ) from None


def hash_key(key: str, installation: bytes) -> str:
    """Return what the list keeps of a key."""
    return hmac.digest(installation, b"api key " + key.encode(), "sha256").hex()


def identifier(key: str) -> str | None:
    """Return the digits that name a key; None for what is no key."""
    match = _KEY.fullmatch(key)
    return match[1] if match else None


def is_loopback(host: str) -> bool:
    """Tell whether an address or a name is this machine's own and reached by nobody else."""
    bare = host.strip("[]")
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return bare.lower() == "localhost"
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def keys_required() -> Refusal:
    """Return the refusal of whoever is not on this machine, while there are no keys."""
    return Refusal("keys_required", "without API keys the service answers on loopback only", ISSUE)


def check_host(host: str, settings: Settings) -> None:
    """Refuse to open the service to others while keys are off.

    Raises:
        Refusal: `keys_required`.
        IntegrityError: `tampered_api_keys`.
    """
    if read_keys(settings) is None and not is_loopback(host):
        raise keys_required()


def issue(
    name: str,
    settings: Settings,
    use_cases: tuple[str, ...] | None = None,
    site: str | None = None,
    rate: int | None = None,
) -> tuple[ApiKey, str]:
    """Make and list a key; from the first one on, keys are on.

    Args:
        name: of the program or place that gets it.
        settings: of the installation.
        use_cases: which it may ask; None is all.
        site: where its images come from.
        rate: requests a minute.

    Returns:
        the key as it is listed, and the key itself, which nothing keeps.

    Raises:
        InputError: `invalid_name`.
        Refusal: `key_exists`.
        IntegrityError: `tampered_api_keys`.
    """
    if not all(re.fullmatch(NAME, word) for word in (name, site) if word is not None):
        raise InputError(
            "invalid_name", "a key's name and site have letters, digits, spaces, dots, hyphens", "radloop keys api new viewer"
        )
    if not all(re.fullmatch(USE_CASE_PATTERN, word) for word in use_cases or ()):
        raise InputError("unknown_use_case", "that is no use case's name", "radloop use-cases lists them")
    path = keys_file(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_suffix(".lock")):
        listed = read_keys(settings)
        if listed is not None and listed.active(name) is not None:
            raise Refusal("key_exists", f"{name} has a key", f"revoke it first: radloop keys api revoke {name!r}")
        known = listed.keys if listed else ()
        digits = next(word for word in iter(lambda: secrets.token_hex(4), None) if all(word != key.id for key in known))
        key = f"rl_{digits}_{secrets.token_urlsafe(32)}"
        made = ApiKey(
            id=digits,
            name=name,
            hash=hash_key(key, secret("api", settings)),
            use_cases=use_cases or None,
            site=site,
            rate=rate,
            made=_now(),
        )
        _write((*known, made), path)
    return made, key


def revoke(name: str, settings: Settings) -> ApiKey:
    """Revoke the key of a name; the running service refuses it from its next request on.

    Raises:
        InputError: `unknown_key`: the name has none.
        IntegrityError: `tampered_api_keys`.
    """
    path = keys_file(settings)
    listed = read_keys(settings)
    found = listed.active(name) if listed else None
    if listed is None or found is None:
        raise InputError("unknown_key", f"{name} has no key that could be revoked", "radloop keys api list")
    with locked(path.with_suffix(".lock")):
        listed = read_keys(settings) or listed
        gone = found.model_copy(update={"revoked": _now()})
        _write(tuple(gone if key.id == gone.id else key for key in listed.keys), path)
    return gone


def _write(keys: tuple[ApiKey, ...], path: Path) -> None:
    write_sealed(path, ApiKeys(keys=keys).model_dump(mode="json"))
    path.chmod(0o600)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
