"""Labels that come back: whether they are about an answer that was given, and in the use case's own words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from radloop.configuration import load_use_case
from radloop.errors import InputError, IntegrityError, Refusal, nearest
from radloop.inference.bundle import CONTENT, bundle_folder, read_facts
from radloop.records.answers import answers_folder, glimpse
from radloop.settings import Settings
from radloop.use_case import FindingLabels, Labels


def answers_of(request_ids: Collection[str], settings: Settings) -> dict[str, dict[str, Any]]:
    """Return the recorded answers and refusals of some requests; those that the record does not hold are missing."""
    return {name: payloads[-1] for name, payloads in glimpse(request_ids, answers_folder(settings)).items()}


def check_answer(kept: Mapping[str, Any] | None, allowed: frozenset[str] | None = None) -> Mapping[str, Any]:
    """Return the answer that a label may be given to.

    Args:
        kept: what the record holds of the request.
        allowed: the use cases that the key may ask; None is all.

    Raises:
        InputError: `unknown_request`.
        Refusal: `use_case_not_allowed`, or `not_answered`: the request was refused.
    """
    if kept is None:
        raise InputError(
            "unknown_request",
            "the record holds no request of that id",
            "send the request_id of an answer; an erased patient's are blank",
        )
    if allowed is not None and kept["use_case"] not in allowed:
        raise Refusal(
            "use_case_not_allowed", "this key may not label that use case's answers", f"it may ask {', '.join(sorted(allowed))}"
        )
    if kept["kind"] != "answer":
        raise Refusal("not_answered", "the request was refused: there is no answer to confirm or correct", "label answers only")
    return kept


def labels_of(kept: Mapping[str, Any], bundles: Path, settings: Settings) -> Labels:
    """Return the words of the model that answered; of the use case as it is now where the bundle is gone.

    Raises:
        RadloopError: neither is there.
    """
    try:
        return _bundled(bundles, kept["use_case"], kept["model"]["bundle"])
    except IntegrityError:
        return load_use_case(kept["use_case"], settings).labels


@lru_cache(maxsize=64)
def _bundled(bundles: Path, use_case: str, digest: str) -> Labels:
    return read_facts(bundle_folder(bundles, use_case, digest) / CONTENT).labels


def understood(label: str | Sequence[str], labels: Labels) -> tuple[str, ...]:
    """Return a label as sorted words.

    Raises:
        InputError: `unknown_label`, or `one_label`: the image has exactly one.
    """
    words = tuple(sorted({label} if isinstance(label, str) else set(label)))
    for word in words:
        if word not in labels.words:
            raise InputError("unknown_label", "that is none of the use case's labels", nearest(word[:60], labels.words))
    if isinstance(labels, FindingLabels) and labels.none not in words:
        return words or (labels.none,)  # any number of findings; an empty list has none of them
    if len(words) != 1:
        raise InputError("one_label", "those labels exclude each other", "give one word; of findings, a list of those present")
    return words
