"""Pseudonyms of patients, and the secret behind them: one an installation, and a published one for synthetic patients."""

from __future__ import annotations

import hmac

from radloop.records.secret import secret
from radloop.settings import Settings

# Published on purpose: phantoms have no privacy to lose, and their data version must be the same everywhere.
DEMO_KEY = b"radloop synthetic phantoms: a published key, never for patients"


def pseudonym(key: bytes, patient: str) -> str:
    """Return the pseudonym of a patient: `P` and 16 hexadecimal digits of HMAC-SHA256."""
    return "P" + hmac.digest(key, patient.encode(), "sha256").hex()[:16]


def patients_key(synthetic: bool, settings: Settings) -> bytes:
    """Return the key for a use case's patients, making the installation's own at its first use.

    Args:
        synthetic: whether the use case has no patients.
        settings: of the installation.
    """
    if synthetic:
        return DEMO_KEY
    return settings.pseudonym_key.encode() if settings.pseudonym_key else secret("pseudonym", settings)
