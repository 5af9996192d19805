"""An answer in words: what a reader should take from it, and what not. Numbers stay beside the words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

DEVICE = "Not a medical device. For research and development. Do not base a diagnosis or a treatment on it."
SYNTHETIC = "Synthetic model. It was trained on generated images and means nothing for patients."

Document = Mapping[str, Any]

_ADVICE = {
    "ambiguous_use_case": ("Several use cases take this image.", "Choose the one that you mean."),
    "key_missing": ("This service asks for an API key.", "Type yours at the top of the page."),
    "key_unknown": ("This API key is not known.", "Check what you typed, or ask whoever runs the service."),
    "key_revoked": ("This API key was revoked.", "Ask whoever runs the service for another one."),
    "rate_limited": ("You ask faster than your key allows.", "Wait a moment, then ask again."),
    "overloaded": ("The service is busy.", "Wait a moment, then ask again."),
    "upload_too_large": ("The file is too large.", "Send one image, not a whole examination."),
    "ambiguous_clip": ("Several use cases take clips.", "Choose the one that you mean."),
    "job_cancelled": ("The clip was not read to its end.", "Ask again to read it from the beginning."),
    "too_many_jobs": ("The service reads other clips already.", "Wait a moment, then ask again."),
    "unknown_request": ("This service holds no such request.", "Is the list from this service? An erased patient's are gone."),
    "unknown_label": ("That is no label of the use case that answered.", "Choose the use case that the list was made for."),
    "one_label": ("These labels exclude each other.", "Choose one of them."),
    "not_answered": ("The request was refused: there is no answer to label.", "Leave it blank."),
    "unknown_format": ("This is neither DICOM, PNG, JPEG nor a video.", "Export the image in one of these formats."),
}
"""Refusals whose own words are meant for programs: what they mean here, and what to do."""


def percent(share: float) -> str:
    """Return a share as a percentage, never rounded to certainty.

    Example:
        >>> percent(0.9996)
        'over 99.9%'
    """
    if 0 < share < 0.001:
        return "under 0.1%"
    if 0.999 < share < 1:
        return "over 99.9%"
    return f"{100 * share:.1f}%"


def headline(answer: Document, facts: Document | None) -> tuple[str, str]:
    """Return the answer's one sentence and its tone: `alert`, `calm` or `open`."""
    if answer.get("abstained"):
        return "No answer: the model abstains", "open"
    findings = ordered(answer)
    positive = [str(one["label"]) for one in findings if one["positive"]]
    if is_choice(facts):
        return f"Most probable: {findings[0]['label']}", "calm"
    if positive:
        return f"Suspected: {', '.join(positive)}", "alert"
    if all(one["positive"] is None for one in findings):
        return f"Undecided: {', '.join(str(one['label']) for one in findings)}", "open"
    if len(findings) == 1:
        return f"Below the threshold: {findings[0]['label']}", "calm"
    return "No finding above its threshold", "calm"


def short(
    answer: Document | None, problem: Document | None, facts: Document | None, job: Document | None = None
) -> tuple[str, str]:
    """Return a work list's line and its tone; without answer and problem it waits, or is a clip that is being read."""
    if answer is None and problem is None:
        return progress(job), "open"
    if answer is None:
        return f"{refused(problem or {})}: {advice(problem or {})[0]}", "refused"
    text, tone = headline(answer, facts)
    return text, tone


def progress(job: Document | None) -> str:
    """Return how far a file is that nothing was said of yet."""
    if not job or job.get("status") == "waiting":
        return "Waits for its turn"
    frames = int(job.get("frames") or 0)
    return f"Being read: {frames} {'frame' if frames == 1 else 'frames'} so far"


def refused(problem: Document) -> str:
    """Return what happened to a file that has no answer, as a word."""
    return "Cancelled" if problem.get("code") == "job_cancelled" else "Refused"


def advice(problem: Document) -> tuple[str, str]:
    """Return what a refusal says and what to do about it, for people."""
    code, detail, hint = (str(problem.get(name) or "") for name in ("code", "detail", "hint"))
    return _ADVICE.get(code) or (_sentence(detail), _sentence(hint))


def against(finding: Document, facts: Document | None) -> str:
    """Return a probability beside its operating point."""
    probability = percent(finding["probability"])
    if finding["threshold"] is not None:
        return f"{probability}, positive from {percent(finding['threshold'])}"
    return probability if is_choice(facts) else f"{probability}, no threshold is known"


def certainty(answer: Document) -> list[str]:
    """Return what the prediction set, the abstention and the uncertainty say, a sentence each."""
    return [*_abstention(answer), *_set(answer), _uncertainty(answer["uncertainty"])]


def places(answer: Document) -> list[str]:
    """Return where a finding lies, in words."""
    located = [one for one in answer["findings"] if one.get("boxes") is not None]
    if not located:
        return []
    count = len(located[0]["boxes"])
    point = located[0].get("point")
    strongest = f", strongest at column {point[0]}, row {point[1]}" if point else ""
    if count == 0:
        return [f"No clear region{strongest or ' is marked'}."]
    return [f"{count} {'region is' if count == 1 else 'regions are'} marked{strongest}."]


def severity(answer: Document, facts: Document | None) -> list[str]:
    """Return how grave it is."""
    grade = answer.get("severity")
    if not grade:
        return []
    levels = (facts or {}).get("levels") or ()
    scale = f" on a scale from 0 ({levels[0]}) to {len(levels) - 1} ({levels[-1]})" if len(levels) > 1 else ""
    return [f"Severity: {grade['grade']}, {grade['score']:.2f}{scale}."]


def heat(answer: Document) -> str:
    """Return what the heat map shows, or why there is none."""
    explanation = answer.get("explanation") or {}
    if explanation.get("withheld"):
        return f"The heat map is withheld: {without_code(explanation['withheld'])}"
    if explanation.get("png"):
        return f"The heat map ({explanation['method']}) shows where the model looked for {explanation['target']}."
    return "There is no heat map."


def warnings(answer: Document) -> list[str]:
    """Return the warnings without their codes; that of a synthetic model has a place of its own."""
    return [_sentence(without_code(text)) for text in answer.get("warnings", ()) if not text.startswith("synthetic_model:")]


def is_synthetic(answer: Document) -> bool:
    """Tell whether the model never saw a patient."""
    return any(text.startswith("synthetic_model:") for text in answer.get("warnings", ()))


def without_code(text: str) -> str:
    """Return a sentence without the stable code before its colon."""
    code, colon, rest = text.partition(": ")
    return rest if colon and code.isidentifier() else text


def ordered(answer: Document) -> list[Any]:
    """Return the findings, the most probable first."""
    return sorted(answer["findings"], key=lambda one: -one["probability"])


def is_choice(facts: Document | None) -> bool:
    """Tell whether the use case's labels exclude each other."""
    return bool(facts) and (facts or {}).get("labels", {}).get("kind") == "multiclass"


def several(facts: Document | None) -> bool:
    """Tell whether an image can show any number of the labels."""
    return bool(facts) and (facts or {}).get("labels", {}).get("kind") == "multilabel"


def judgements(facts: Document | None) -> list[str]:
    """Return the words with which a reader can correct an answer."""
    labels: Document = (facts or {}).get("labels", {})
    kind = labels.get("kind", "binary")
    if kind == "multiclass":
        return list(labels["classes"])
    if kind == "multilabel":
        return list(labels["findings"])
    if kind == "segmentation":
        return [labels["target"], labels["none"]]
    return [labels["positive"], labels["negative"]] if labels else []


def judged(answer: Document, facts: Document | None) -> list[str] | None:
    """Return the answer in the words of `judgements`; None where it decides nothing."""
    findings = ordered(answer)
    if answer.get("abstained") or (not is_choice(facts) and all(one["positive"] is None for one in findings)):
        return None
    words, kind = judgements(facts), (facts or {}).get("labels", {}).get("kind", "binary")
    if is_choice(facts):
        return [str(findings[0]["label"])]
    if kind == "multilabel":
        return [str(one["label"]) for one in findings if one["positive"]]
    return words[:1] if findings[0]["positive"] else words[1:2]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if not text or text.endswith((".", "?")) else ".")


def _abstention(answer: Document) -> list[str]:
    return [f"The model abstains: {without_code(answer['abstained'])}"] if answer.get("abstained") else []


def _set(answer: Document) -> list[str]:
    found = answer.get("prediction_set")
    if not found:
        return []
    level = f"{100 * found['coverage']:.0f}%"
    if not found["labels"]:
        return [f"At {level} coverage nothing the model knows fits this image."]
    return [f"At {level} coverage these cannot be excluded: {_listed(found['labels'])}."]


def _uncertainty(value: float) -> str:
    return f"Uncertainty {value:.2f}, where 0 is sure and 1 is a guess."


def _listed(labels: Iterable[str]) -> str:
    return ", ".join(labels)
