"""An answer of the record, worked out again from the same file with the same bundle."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radloop.errors import IntegrityError, RadloopError, Refusal
from radloop.images.decode import decode_apart
from radloop.images.pool import Pool
from radloop.inference.answer import Answer
from radloop.inference.bundle import bundle_folder
from radloop.inference.predictor import Predictor
from radloop.inference.recorded import clinical_hash, engine_facts, file_hash

TOLERANCE = 1e-5
"""How far kernels for different processors move a probability in 32-bit arithmetic; see `selftest`. Where bf16 answered,
another kind of processor may well give other digits: the replay then says so."""


@dataclass(frozen=True)
class Replay:
    """What came of it.

    Attributes:
        same: whether the answer is the recorded one: to the bit on the same engine and kind of processor, elsewhere
            within the tolerance and with the same decisions.
        alike: whether engine, its version, provider and device, precision and kind of processor are those of the record.
        unlike: which of them are not, by the record's names.
        difference: the largest of a number; None of a refusal, and where the answers have not the same numbers.
        differs: members of the answer that are others, beside numbers.
    """

    same: bool
    alike: bool
    unlike: tuple[str, ...]
    difference: float | None
    differs: tuple[str, ...]
    code: str | None
    """Of the refusal that came out now; None of an answer."""


def check_question(kept: Mapping[str, Any], content: bytes, clinical: Mapping[str, Any] | None, key: bytes) -> None:
    """Refuse a file or values that are not those which were asked about.

    Args:
        kept: the record's payload.
        content: of the file.
        clinical: values by name.
        key: the installation's, of the record.

    Raises:
        IntegrityError: `foreign_file` or `foreign_clinical`.
        Refusal: `no_model`: the request was refused before a model was asked.
    """
    if kept["use_case"] is None or kept["model"] is None:
        code = kept["admissibility"]["code"]
        raise Refusal("no_model", f"the request was refused before a model was asked ({code})", "there is nothing to work out")
    if kept["file"] != file_hash(key, content):
        raise IntegrityError(
            "foreign_file", "this is not the file that was sent", "give the very bytes; a copy that was saved anew differs"
        )
    if kept["clinical"] != clinical_hash(key, clinical):
        raise IntegrityError(
            "foreign_clinical",
            "these are not the clinical values that were sent"
            if kept["clinical"]
            else "no clinical values were sent with this request",
            "--clinical takes the same JSON object that was sent" if kept["clinical"] else "leave --clinical out",
        )


def replay(kept: Mapping[str, Any], content: bytes, clinical: Mapping[str, Any] | None, bundles: Path, decoders: Pool) -> Replay:
    """Work an answer or a refusal out again.

    Args:
        kept: the record's payload, checked by `check_question`.
        content: of the file.
        clinical: values by name.
        bundles: the folder of all bundles.
        decoders: processes that a bad file may kill.

    Raises:
        IntegrityError: the recorded bundle is missing or not what was sealed.
    """
    # In the precision that answered then, which need not be the one that would answer here.
    precision = kept["engine"]["precision"] if kept["engine"] else None
    predictor = Predictor(bundle_folder(bundles, kept["use_case"], kept["model"]["bundle"]), precision=precision)
    unlike = _unlike(kept["engine"] or {}, engine_facts(predictor.facts, predictor.precision))
    try:
        predictor.check(clinical)
        answer = predictor.predict(decode_apart(content, predictor.facts.image, decoders), clinical)
    except RadloopError as error:
        same = error.code == kept["admissibility"]["code"]
        return Replay(same, not unlike, unlike, None, () if same else ("admissibility",), error.code)
    return _compared(kept, answer, unlike)


def _unlike(kept: Mapping[str, Any], here: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names under which two engines' facts differ."""
    return tuple(sorted(name for name in {*kept, *here} if kept.get(name) != here.get(name)))


def _compared(kept: Mapping[str, Any], answer: Answer, unlike: tuple[str, ...]) -> Replay:
    new = answer.model_dump(mode="json")
    new["admissibility"] = {"code": None, "warnings": [text.partition(":")[0] for text in answer.warnings]}
    names = ("findings", "prediction_set", "abstained", "severity", "uncertainty", "admissibility")
    difference, differs = 0.0, []
    for name in names:
        found = _difference(kept[name], new[name])
        if math.isinf(found):
            differs.append(name)
        else:
            difference = max(difference, found)
    same = not differs and difference <= (TOLERANCE if unlike else 0.0)
    return Replay(same, not unlike, unlike, None if differs else difference, tuple(differs), None)


def _difference(kept: Any, new: Any) -> float:
    """Return the largest difference between the numbers of two JSON values; infinite where anything else differs."""
    if isinstance(kept, float) and isinstance(new, float):
        return abs(kept - new)
    if isinstance(kept, dict) and isinstance(new, dict) and kept.keys() == new.keys():
        return max((_difference(kept[name], new[name]) for name in kept), default=0.0)
    if isinstance(kept, list) and isinstance(new, list) and len(kept) == len(new):
        return max((_difference(*pair) for pair in zip(kept, new, strict=True)), default=0.0)
    return 0.0 if kept == new and type(kept) is type(new) else math.inf
