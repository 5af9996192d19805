"""The key behind the pseudonyms of a use case's patients."""

from __future__ import annotations

from radloop.images.pseudonym import patients_key
from radloop.settings import Settings
from radloop.use_case import UseCase


def pseudonym_key(use_case: UseCase, settings: Settings) -> bytes:
    """Return the key for a use case's patients, making the installation's own at its first use."""
    return patients_key(use_case.synthetic, settings)
