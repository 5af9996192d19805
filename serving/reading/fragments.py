"""The parts of the page that are HTML of ours; every word that comes from elsewhere is escaped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from radloop.serving.reading import timeline_words, words
from radloop.serving.reading.desk import Case, Desk

Facts = Mapping[str, Mapping[str, Any]]
"""What is served, by use case."""

_LOOK = "Show where the model looked for it"
EMPTY = "<p class='quiet'>No image yet. Drop one, or tap to choose.</p>"
_NO_DICOM = "A clip has no DICOM header to belong to: it is exported as PDF and JSON only."


def notices(synthetic: bool) -> str:
    """Return what the page says of itself."""
    rows = [_notice(words.DEVICE, "note")] + ([_notice(words.SYNTHETIC, "alert")] if synthetic else [])
    return "".join(rows)


def work_list(desk: Desk, facts: Facts) -> str:
    """Return the cases as buttons, the most urgent first."""
    if len(desk.cases) < 2:
        return ""
    rows = []
    for place, index in enumerate(desk.order(), start=1):
        case = desk.cases[index]
        text, tone = words.short(case.answer, case.problem, facts.get((case.answer or {}).get("use_case", "")), case.job)
        current = " aria-current='true'" if index == desk.shown else ""
        rows.append(
            f"<li><button type='button' data-case='{index}'{current}><i class='dot {tone}' aria-hidden='true'></i>"
            f"<span class='place'>{place}</span><span class='file'>{escape(case.name)}</span>"
            f"<span class='what'>{escape(text)}</span></button></li>"
        )
    return f"<h2>Work list, most urgent first</h2><ol class='cases'>{''.join(rows)}</ol>"


def result(case: Case | None, facts: Facts) -> str:
    """Return an answer, a refusal, or how far it is."""
    if case is None:
        return EMPTY
    if case.waits:
        return _progress(case.job)
    if case.answer is None:
        return "".join(_refusal(case.problem or {}))
    return "".join(_answer(case.answer, facts.get(case.answer["use_case"]), case.clip))


def refusal(problem: Mapping[str, Any]) -> str:
    """Return why the service said no."""
    return "".join(_refusal(problem))


def _progress(job: Mapping[str, Any] | None) -> str:
    text = escape(words.progress(job))
    return f"<div role='status'><h2 class='headline open'>{text}</h2><progress aria-label='{text}'></progress></div>"


def _answer(answer: Mapping[str, Any], facts: Mapping[str, Any] | None, clip: Mapping[str, Any] | None) -> Iterator[str]:
    title = (facts or {}).get("title") or answer["use_case"]
    text, tone = words.headline(answer, facts)
    yield f"<p class='quiet'>{escape(title)}</p><h2 class='headline {tone}'>{escape(text)}</h2>"
    yield from _findings(answer, facts, clip is None)
    if clip is not None:
        yield f"<p>{escape(timeline_words.mean(clip))}</p>"
    for sentence in (*words.severity(answer, facts), *words.places(answer)):
        yield f"<p>{escape(sentence)}</p>"
    yield "<h3>How sure</h3>" + "".join(f"<p>{escape(sentence)}</p>" for sentence in words.certainty(answer))
    if sentences := words.warnings(answer):
        yield "<h3>Beware</h3><ul class='beware'>" + "".join(f"<li>{escape(text)}</li>" for text in sentences) + "</ul>"
    if clip is None:
        yield f"<h3>Where it looked</h3><p>{escape(words.heat(answer))}</p>"
    else:
        yield f"<p class='quiet'>{_NO_DICOM} To see where the model looked, drop one frame as PNG.</p>"
    statement = ((facts or {}).get("intended_use") or {}).get("statement")
    if statement:
        yield f"<p class='quiet'>Intended use: {escape(statement)}</p>"
    model, recorded = answer["model"], "recorded" if answer.get("recorded") else "not recorded"
    origin = f"{escape(answer['use_case'])} version {model['version']}, {recorded}, request"
    yield f"<p class='quiet'>{origin} <code>{escape(answer['request_id'])}</code></p>"


def _findings(answer: Mapping[str, Any], facts: Mapping[str, Any] | None, heat: bool) -> Iterator[str]:
    target, findings = (answer.get("explanation") or {}).get("target"), words.ordered(answer)
    pressable = heat and len(findings) > 1
    yield "<ul class='findings'>"
    for one in findings:
        inner = _finding(one, facts)
        if pressable:
            pressed = "true" if one["label"] == target else "false"
            label = escape(one["label"], quote=True)
            inner = f"<button type='button' data-target='{label}' aria-pressed='{pressed}' title='{_LOOK}'>{inner}</button>"
        yield f"<li class='{'positive' if one['positive'] else ''}'>{inner}</li>"
    yield "</ul>"


def _finding(finding: Mapping[str, Any], facts: Mapping[str, Any] | None) -> str:
    share, threshold = 100 * finding["probability"], finding["threshold"]
    line = "" if threshold is None else f"<b style='left:{100 * threshold:.1f}%'></b>"
    mark = "&#10003; " if finding["positive"] else ""
    return (
        f"<span class='row'><span>{mark}{escape(finding['label'])}</span>"
        f"<span class='quiet'>{escape(words.against(finding, facts))}</span></span>"
        f"<span class='scale' aria-hidden='true'><i style='width:{share:.1f}%'></i>{line}</span>"
    )


def _refusal(problem: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h2 class='headline open'>{words.refused(problem)}</h2>"
    for sentence in filter(None, words.advice(problem)):
        yield f"<p>{escape(sentence)}</p>"
    request = f", request <code>{escape(str(problem['request_id']))}</code>" if problem.get("request_id") else ""
    yield f"<p class='quiet'><code>{escape(str(problem.get('code', '')))}</code>{request}</p>"


def _notice(text: str, kind: str) -> str:
    first, _, rest = text.partition(". ")
    return f"<p class='notice {kind}'><strong>{escape(first)}.</strong> {escape(rest)}</p>"
