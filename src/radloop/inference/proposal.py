"""Which use case is meant when a request names none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radloop.errors import InadmissibleImage, InputError, Refusal
from radloop.images.decode import Decoded
from radloop.inference.clinical import check_names, names_of
from radloop.inference.predictor import Predictor


def takers(
    predictors: Mapping[str, Predictor], clinical: Mapping[str, Any] | None, target: str | None = None
) -> dict[str, Predictor]:
    """Return the use cases that take a request's clinical values and target; no image is needed to refuse them.

    Raises:
        InputError: none does: a value is unknown to all, or invalid; `unknown_target`.
    """
    if not predictors:
        return {}
    check_names(clinical, sorted({name for predictor in predictors.values() for name in names_of(predictor.facts)}))
    taking: dict[str, Predictor] = {}
    reason: InputError | None = None
    for name, predictor in sorted(predictors.items()):
        try:
            predictor.check(clinical, target)
            taking[name] = predictor
        except InputError as error:
            # Who knows a value's name says best what is wrong with it.
            reason = error if reason is None or error.code == "invalid_clinical_value" else reason
    if reason is not None and not taking:
        raise reason
    return taking


def propose(
    predictors: Mapping[str, Predictor],
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
    if not predictors:
        raise Refusal("no_champion", "no use case is served", "approve and deploy one: radloop deploy USE_CASE")
    refusals = {name: _refusal(predictor, decoded, clinical) for name, predictor in takers(predictors, clinical, target).items()}
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


def _refusal(predictor: Predictor, decoded: Decoded, clinical: Mapping[str, Any] | None) -> InadmissibleImage | None:
    try:
        predictor.admit(decoded, clinical)
    except InadmissibleImage as refusal:
        return refusal
    return None
