"""A label list as HTML of ours; every word that comes from elsewhere is escaped."""

from __future__ import annotations

from html import escape

from radloop.serving.reading.label_list import LabelList, Row

_HOW = (
    "Drop the CSV that <code>radloop queue UC --out queue.csv</code> writes, and the images that it names if you have them. "
    "Each label is sent as you give it; save the list to have them in the file too."
)


def empty(waiting: str) -> str:
    """Return what is said where there is no list."""
    return f"<p class='quiet'>{_HOW}</p>" + (f"<p>{escape(waiting)}</p>" if waiting else "")


def told(text: str) -> str:
    """Return what became of something, as who listens hears it too."""
    return f"<p role='status'>{escape(text)}</p>" if text else ""


def rows(labels: LabelList) -> str:
    """Return all rows as buttons, in the list's order: the most worthwhile first."""
    made = "".join(_button(row, index, index == labels.shown) for index, row in enumerate(labels.rows))
    count = f"{labels.done} of {len(labels.rows)} labels sent"
    bar = f"<progress max='{len(labels.rows)}' value='{labels.done}' aria-label='{count}'></progress>"
    return f"<h2>{count}</h2>{bar}<ol class='cases'>{made}</ol>"


def row(labels: LabelList, place: str, said: str = "") -> str:
    """Return the row that is looked at.

    Args:
        labels: the list.
        place: what the viewer shows of it, or why nothing.
        said: what became of its label, where that is not told beside it.
    """
    one = labels.row
    why = "".join(f"<li>{escape(reason.strip())}</li>" for reason in one.cells.get("why", "").split(";") if reason.strip())
    score = f"<p class='quiet'>Score {escape(one.cells['score'])}</p>" if one.cells.get("score") else ""
    return (
        f"<h2 class='headline'>Row {labels.shown + 1} of {len(labels.rows)}</h2>"
        f"<p class='quiet'>Request <code>{escape(one.request_id)}</code></p>"
        + (f"<h3>Why it is worth a label</h3><ul class='why'>{why}</ul>{score}" if why else score)
        + f"<h3>Image</h3><p>{escape(place)}</p>"
        + (f"<p>{escape(said)}</p>" if said else "")
    )


def _button(one: Row, index: int, current: bool) -> str:
    text, tone = _state(one)
    mark = " aria-current='true'" if current else ""
    return (
        f"<li><button type='button' data-case='{index}'{mark}><i class='dot {tone}' aria-hidden='true'></i>"
        f"<span class='place'>{index + 1}</span><span class='file'>{escape(one.file or one.request_id[:12])}</span>"
        f"<span class='what'>{escape(text)}</span></button></li>"
    )


def _state(one: Row) -> tuple[str, str]:
    said = ", ".join(one.labels)
    if one.sent:
        return f"Sent: {said}", "calm"
    if one.labels:
        return f"{'Not taken' if one.told else 'Not sent yet'}: {said}", "alert" if one.told else "open"
    return "Wants a label", "refused"
