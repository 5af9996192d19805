"""How commands name a version of a model: by an alias or by its number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radloop.errors import InputError
from radloop.settings import Settings

if TYPE_CHECKING:
    from radloop.governance.registry import Version


def find_model(use_case: str, word: str, settings: Settings) -> Version | None:
    """Return the version that an alias or a number names; None where the word is neither.

    Raises:
        InputError: there is no such number.
        Refusal: the alias names nothing.
    """
    from radloop.governance.registry import ALIASES, Registry

    registry = Registry(use_case, settings)
    for alias in ALIASES:
        if word == alias:
            return registry.alias(alias)
    return registry.version(int(word)) if word.isdecimal() else None


def split_name(name: str) -> tuple[str, str]:
    """Return use case and word of `UC@WORD`.

    Raises:
        InputError: `version_missing`: there is no word.
    """
    use_case, _, word = name.partition("@")
    if not word:
        raise InputError("version_missing", "say which version: UC@VERSION", f"for example {use_case or 'tb-cxr'}@champion")
    return use_case, word


def named_model(name: str, settings: Settings) -> Version:
    """Return the version that `UC@champion`, `UC@candidate`, `UC@previous` or `UC@7` names.

    Raises:
        InputError: no such use case, or the word after @ is missing or unknown.
        Refusal: the alias names nothing.
    """
    from radloop.configuration import load_use_case

    use_case, word = split_name(name)
    load_use_case(use_case, settings)
    found = find_model(use_case, word, settings)
    if found is None:
        raise InputError(
            "unknown_version", f"{use_case} has no version '{word}'", "name champion, candidate, previous or a version's number"
        )
    return found
