"""Which use case is meant when a request names none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radloop.errors import InadmissibleImage, InputError, Refusal
from radloop.images.decode import Decoded
from radloop.inference.admission import Admission
from radloop.inference.clinical import check_names, names_of


def takers(
    served: Mapping[str, Admission], clinical: Mapping[str, Any] | None, target: str | None = None
) -> dict[str, Admission]:
    """Return the use cases that take a request's clinical values and target; no image is needed to refuse them.

    Raises:
        InputError: none does: a value is unknown to all, or invalid; `unknown_target`.
    """
    if not served:
        return {}
    check_names(clinical, sorted({name for one in served.values() for name in names_of(one.facts)}))
    taking: dict[str, Admission] = {}
    reason: InputError | None = None
    for name, one in sorted(served.items()):
        try:
            one.check(clinical, target)
            taking[name] = one
        except InputError as error:
            # Who knows a value's name says best what is wrong with it.
            reason = error if reason is None or error.code == "invalid_clinical_value" else reason
    if reason is not None and not taking:
        raise reason
    return taking


def propose(
    served: Mapping[str, Admission],
    decoded: Decoded,
    clinical: Mapping[str, Any] | None = None,
    target: str | None = None,
) -> str:
    """Return the one served use case that takes a request's values and admits its image.

    Raises:
        InadmissibleImage: only one use case comes into question and it does not admit the image.
        Refusal: `no_champion` or `ambiguous_use_case`, which lists them.
        InputError: a clinical value or the target is unknown or invalid.
    """
    if not served:
        raise Refusal("no_champion", "no use case is served", "approve and deploy one: radloop deploy USE_CASE")
    refusals = {name: _refusal(one, decoded, clinical) for name, one in takers(served, clinical, target).items()}
    admitting = [name for name, refusal in refusals.items() if refusal is None]
    if len(admitting) == 1:
        return admitting[0]
    if admitting:
        message = f"several use cases admit this image: {', '.join(admitting)}"
        raise Refusal("ambiguous_use_case", message, f"name one: use_case={admitting[0]}")
    reasons = [refusal for refusal in refusals.values() if refusal is not None]
    if len(reasons) == 1:
        raise reasons[0]
    listed = ", ".join(f"{name} ({refusal.code})" for name, refusal in refusals.items() if refusal is not None)
    raise Refusal("ambiguous_use_case", f"no use case admits this image: {listed}", "name one to see its full reason")


def _refusal(one: Admission, decoded: Decoded, clinical: Mapping[str, Any] | None) -> InadmissibleImage | None:
    try:
        one.admit(decoded, clinical)
    except InadmissibleImage as refusal:
        return refusal
    return None
