"""The answer on paper: one page of HTML, as PDF where PlutoPrint is installed."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from importlib.util import find_spec
from typing import Any

from PIL import Image

from radloop.serving.reading import timeline_drawing, timeline_words, words
from radloop.serving.reading.exports.kinds import Export
from radloop.serving.reading.picture import as_png, composed
from radloop.serving.reading.resource import text as resource

_STYLE = """
body { font-family: "Report", system-ui, sans-serif; font-size: 10.5pt; line-height: 1.4; color: #16202a; margin: 0; }
h1 { font-size: 17pt; margin: 0 0 2mm; }
h2 { font-size: 12pt; margin: 5mm 0 1mm; }
p { margin: 1mm 0; }
.notice { border-left: 3pt solid #a3341f; padding: 1.5mm 3mm; background: #f6efed; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: 1mm 3mm 1mm 0; border-bottom: .3pt solid #bbc5cd; }
.pictures td { border: 0; width: 50%; vertical-align: top; }
img { max-width: 100%; max-height: 95mm; }
.quiet { color: #55636f; font-size: 8.5pt; }
"""
_GAPS = ".timeline i.refused { background: #c3ccd4; }"
"""On paper there are no gradients."""


def pdf(export: Export) -> tuple[str, bytes]:
    """Return `pdf` and the document, or `html` and the page where no PDF can be made here."""
    page = paper(export, datetime.now(UTC))
    needed = ("plutoprint", "matplotlib", "radloop.evaluation")  # a Bento has none of them
    if any(find_spec(name) is None for name in needed):
        return "html", page.encode()
    from radloop.evaluation.pdf import as_pdf

    return "pdf", as_pdf(page, "Radloop answer")


def paper(export: Export, now: datetime) -> str:
    """Return the answer as a page of HTML that needs nothing else.

    Args:
        export: whose content is not used: no identifier of the file reaches the paper.
        now: when it is printed.
    """
    answer, facts = export.answer, export.facts
    sentence, _ = words.headline(answer, facts)
    notices = [words.DEVICE] + ([words.SYNTHETIC] if words.is_synthetic(answer) else [])
    parts = [
        f"<h1>{escape(str(facts.get('title') or answer['use_case']))}</h1>",
        *(f"<p class='notice'>{escape(text)}</p>" for text in notices),
        _pictures(export),
        f"<h2>{escape(sentence)}</h2>",
        _table(answer),
        _timeline(export),
        *(f"<p>{escape(text)}</p>" for text in (*words.severity(answer, facts), *words.places(answer))),
        "<h2>How sure</h2>",
        *(f"<p>{escape(text)}</p>" for text in words.certainty(answer)),
        _beware(answer),
        _origin(answer, facts, now),
    ]
    style = _STYLE + (resource("timeline.css") + _GAPS if export.clip else "")
    head = f"<head><meta charset='utf-8'><title>Radloop answer</title><style>{style}</style></head>"
    return f"<!doctype html><html lang='en'>{head}<body>{''.join(parts)}</body></html>"


def _pictures(export: Export) -> str:
    if export.picture is None:
        return ""
    cells = [(composed(export.picture, export.answer, heat=False), "Image")]
    if (export.answer.get("explanation") or {}).get("png"):
        cells.append((composed(export.picture, export.answer), words.heat(export.answer)))
    inner = "".join(_cell(image, text) for image, text in cells)
    return f"<table class='pictures'><tr>{inner}</tr></table>"


def _cell(image: Image.Image, text: str) -> str:
    return f"<td><img src='data:image/png;base64,{as_png(image)}' alt=''><p class='quiet'>{escape(text)}</p></td>"


def _timeline(export: Export) -> str:
    """Return a clip's course; the numbers of every frame are in the JSON."""
    if not export.clip:
        return ""
    told = "".join(f"<p>{escape(text)}</p>" for text in (timeline_words.mean(export.clip), timeline_drawing.told(export.clip)))
    drawings = "".join(timeline_drawing.figures(export.clip, export.answer))
    return f"<h2>Over time</h2>{told}<section class='timeline'>{drawings}</section>"


def _table(answer: Any) -> str:
    rows = []
    for one in words.ordered(answer):
        verdict = {True: "yes", False: "no", None: "undecided"}[one["positive"]]
        threshold = "" if one["threshold"] is None else words.percent(one["threshold"])
        cells = (one["label"], words.percent(one["probability"]), threshold, verdict)
        rows.append("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>")
    names = ("Finding", "Calibrated probability", "Positive from", "Positive")
    return "<table><tr>" + "".join(f"<th>{name}</th>" for name in names) + f"</tr>{''.join(rows)}</table>"


def _beware(answer: Any) -> str:
    sentences = words.warnings(answer)
    return "<h2>Beware</h2>" + "".join(f"<p>{escape(text)}</p>" for text in sentences) if sentences else ""


def _origin(answer: Any, facts: Any, now: datetime) -> str:
    model = answer["model"]
    statement = (facts.get("intended_use") or {}).get("statement")
    lines = [
        f"Intended use: {statement}" if statement else "",
        f"{answer['use_case']} version {model['version']}, bundle {model['bundle']}, data version {model['data_version']}",
        f"Request {answer['request_id']}, printed {now:%Y-%m-%d %H:%M} UTC",
    ]
    return "<h2>Where it comes from</h2>" + "".join(f"<p class='quiet'>{escape(line)}</p>" for line in lines if line)
