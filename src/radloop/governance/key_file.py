"""The file in which a reviewer keeps the private half of their key; Radloop keeps only the public half.

The 32 private bytes are encrypted with AES-256-GCM under a key that scrypt (RFC 7914) makes of the passphrase: PEM as
OpenSSL writes it would use PBKDF2 with few rounds, which a graphics card guesses fast.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import Field, ValidationError

from radloop.errors import InputError, Refusal
from radloop.inference.reviewers import key_id
from radloop.records.seal import canonical
from radloop.use_case import Section

MIN_PASSPHRASE = 8
"""Characters."""
_N, _R, _P = 2**15, 8, 1
"""scrypt's cost, block size and lanes: 32 MiB and a tenth of a second a guess."""


class KeyFile(Section):
    """What the file holds, as JSON."""

    radloop_key: Literal[1] = 1
    name: str
    public: str = Field(pattern=r"^[0-9a-f]{64}$")
    kdf: Literal["scrypt-32768-8-1"] = "scrypt-32768-8-1"
    salt: str = Field(pattern=r"^[0-9a-f]{32}$")
    nonce: str = Field(pattern=r"^[0-9a-f]{24}$")
    encrypted: str = Field(pattern=r"^[0-9a-f]{96}$")
    """The private bytes and GCM's tag; name and public key are authenticated with them."""


@dataclass(frozen=True)
class OpenKey:
    """A private key in memory, for one decision."""

    public: str
    private: Ed25519PrivateKey

    @property
    def id(self) -> str:
        """Return the public half's id."""
        return key_id(self.public)

    def sign(self, content: bytes) -> str:
        """Return the signature over some bytes, hexadecimal."""
        return self.private.sign(content).hex()


def make_key(name: str, passphrase: str) -> KeyFile:
    """Return a new key of a person, its private half encrypted.

    Raises:
        InputError: `weak_passphrase`.
    """
    if len(passphrase) < MIN_PASSPHRASE:
        raise InputError("weak_passphrase", f"a passphrase has at least {MIN_PASSPHRASE} characters", "choose a longer one")
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw().hex()
    salt, nonce = os.urandom(16), os.urandom(12)
    encrypted = AESGCM(_secret(passphrase, salt)).encrypt(nonce, private.private_bytes_raw(), _bound(name, public))
    return KeyFile(name=name, public=public, salt=salt.hex(), nonce=nonce.hex(), encrypted=encrypted.hex())


def write_key(path: Path, key: KeyFile) -> None:
    """Write a key's file for its owner's eyes only.

    Raises:
        InputError: `file_exists`: a key is never written over another.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise InputError("file_exists", f"{path.name} exists", "give another file with --out") from error
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(canonical(key.model_dump(mode="json")))


def open_key(content: bytes, passphrase: str) -> OpenKey:
    """Return the private key of a key file's content.

    Raises:
        InputError: `invalid_key`: it is no key file.
        Refusal: `wrong_passphrase`, or the file was edited.
    """
    try:
        key = KeyFile.model_validate_json(content)
    except ValidationError as error:
        hint = "give the file that `radloop keys new` wrote"
        raise InputError("invalid_key", "the file is no key of Radloop's", hint) from error
    secret = _secret(passphrase, bytes.fromhex(key.salt))
    try:
        raw = AESGCM(secret).decrypt(bytes.fromhex(key.nonce), bytes.fromhex(key.encrypted), _bound(key.name, key.public))
    except InvalidTag as error:
        raise Refusal("wrong_passphrase", "the passphrase does not open the key, or the file was edited", "try again") from error
    return OpenKey(key.public, Ed25519PrivateKey.from_private_bytes(raw))


def _secret(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=_N, r=_R, p=_P).derive(passphrase.encode())


def _bound(name: str, public: str) -> bytes:
    return canonical({"name": name, "public": public})
