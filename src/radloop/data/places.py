"""Where ingest keeps what it needs besides the data itself."""

from __future__ import annotations

from pathlib import Path

from radloop.settings import Settings


def work_folder(use_case: str, settings: Settings) -> Path:
    """Return where a use case's ingest keeps its index and what it is building."""
    return settings.place / "ingest" / use_case


def index_path(use_case: str, settings: Settings) -> Path:
    """Return the index of what is stored; see `radloop.data.store_index`."""
    return work_folder(use_case, settings) / "index.sqlite"


def ledger_folder(use_case: str, settings: Settings) -> Path:
    """Return where a use case's earlier data versions are remembered; see `radloop.data.ledger`."""
    return settings.place / "ledger" / use_case


def previous_folder(use_case: str, settings: Settings) -> Path:
    """Return where the manifest of the data version before the present one is kept."""
    return ledger_folder(use_case, settings) / "previous"


def external_folder(use_case: str, settings: Settings) -> Path:
    """Return where another site's images lie while a bundle is judged on them; see `radloop.data.foreign`."""
    return settings.place / "external" / use_case


def downloads_folder(settings: Settings) -> Path:
    """Return where a source that is a name, such as a MedMNIST archive, lies or is downloaded to."""
    return settings.place / "downloads"
