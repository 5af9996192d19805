"""The secret behind pseudonyms: one an installation, and a published one for synthetic patients."""

from __future__ import annotations

import os
import secrets

from radloop.settings import Settings
from radloop.use_case import UseCase

# Published on purpose: phantoms have no privacy to lose, and their data version must be the same everywhere.
DEMO_KEY = b"radloop synthetic phantoms: a published key, never for patients"


def pseudonym_key(use_case: UseCase, settings: Settings) -> bytes:
    """Return the key for a use case's patients, making the installation's own at its first use."""
    if use_case.synthetic:
        return DEMO_KEY
    if settings.pseudonym_key:
        return settings.pseudonym_key.encode()
    path = settings.place / "keys" / "pseudonym.key"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return bytes.fromhex(path.read_text().strip())
    with os.fdopen(handle, "w") as stream:
        stream.write(secrets.token_hex(32))
        stream.flush()
        os.fsync(stream.fileno())
    return bytes.fromhex(path.read_text().strip())
