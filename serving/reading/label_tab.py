"""The layout of the label list in Gradio, and which of its parts calls what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from radloop.serving.reading.asking import address_of
from radloop.serving.reading.components import pickable, viewer
from radloop.serving.reading.form import given
from radloop.serving.reading.label_list import LabelList
from radloop.serving.reading.label_rows import empty
from radloop.serving.reading.labeller import Labeller, Listed, kept
from radloop.serving.reading.visit import Visit


class LabelTab:
    """The parts of the label list, made and joined in the order in which they are used."""

    def __init__(self, labeller: Labeller, key: gr.Textbox, served: gr.State, saver: gr.HTML) -> None:
        """Make the parts inside the tab that is being made.

        Args:
            labeller: does the work.
            key: the page's field for the API key.
            served: what the key may ask, by use case.
            saver: saves a file from memory.
        """
        self._labeller = labeller
        self.list, self.word = gr.State(None), gr.State(None)
        with gr.Row():
            with gr.Column(scale=3, min_width=290, elem_id="label-side"):
                self._question()
            with gr.Column(scale=6, min_width=320):
                self.viewer = viewer("label-viewer")
            with gr.Column(scale=4, min_width=300, elem_id="label-column"):
                self._judgement()
        self._join([key, served, self.use_case, self.list, self.word], saver)

    def _question(self) -> None:
        self.files = gr.File(
            label="Label list (CSV) and its images", file_count="multiple", type="filepath", height=170, elem_id="label-drop"
        )
        self.use_case = gr.Dropdown([], label="Use case of the list", elem_id="label-use-case")
        self.rows = pickable("label-rows")

    def _judgement(self) -> None:
        self.row = gr.HTML(empty(""), elem_id="label-row")
        self.told = gr.HTML("", elem_id="label-told")
        with gr.Group(visible=False) as self.judging:
            self.labels = gr.Dropdown([], label="What it shows", multiselect=True, elem_id="label-words")
            self.name = gr.Textbox(label="Reader", info="Who says so, if you like; never a patient.", max_length=60, lines=1)
            self.send = gr.Button("Send and go on", variant="primary")
        with gr.Row(visible=False) as self.ending:
            self.save = gr.Button("Save as CSV", min_width=120)
            self.clear = gr.Button("Clear the list", min_width=120)

    def _join(self, form: Sequence[Any], saver: gr.HTML) -> None:
        hidden: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal", "concurrency_limit": 10}
        said = [self.labels, self.name, *form]
        shown = [
            self.list, self.word, self.rows, self.row, self.viewer, self.labels, self.told, self.judging, self.ending
        ]  # fmt: skip
        self.files.upload(self._take, [self.files, *said], [*shown, self.files], **hidden)
        self.rows.select(self._pick, said, shown, **hidden)
        self.use_case.input(self._shown, form, shown, **hidden)
        self.send.click(self._send, said, shown, **hidden)
        self.clear.click(self._clear, form, shown, **hidden)
        self.save.click(self._save, said, [saver, *shown], **hidden)

    def asked(self, served: Mapping[str, Mapping[str, Any]]) -> gr.Dropdown:
        """Return the choice of use cases, with the only one chosen."""
        names = [(one["title"], name) for name, one in served.items()]
        return gr.Dropdown(names, value=names[0][1] if len(names) == 1 else None)

    def _take(self, request: gr.Request, files: list[str] | None, said: Any, name: str, *form: Any) -> tuple[Any, ...]:
        visit, labels, word = self._told(request, form, said, name)
        return *self._parts(self._labeller.take(visit, files or [], labels, word)), None

    def _pick(self, request: gr.Request, event: gr.EventData, said: Any, name: str, *form: Any) -> tuple[Any, ...]:
        visit, labels, word = self._told(request, form, said, name)
        return self._parts(self._labeller.select(visit, labels, word, int(dict(event._data or {}).get("index", 0))))

    def _send(self, request: gr.Request, said: Any, name: str, *form: Any) -> tuple[Any, ...]:
        return self._parts(self._labeller.send(*self._told(request, form, said, name)))

    def _save(self, request: gr.Request, said: Any, name: str, *form: Any) -> tuple[Any, ...]:
        visit, labels, word = self._told(request, form, said, name)
        if labels is None:
            return gr.skip(), *self._parts(self._labeller.shown(visit, labels, word, "Drop a label list first."))
        file, listed = self._labeller.save(visit, labels, word)
        return file, *self._parts(listed)

    def _shown(self, request: gr.Request, *form: Any) -> tuple[Any, ...]:
        return self._parts(self._labeller.shown(*_visited(request, form)))

    def _clear(self, request: gr.Request, *form: Any) -> tuple[Any, ...]:
        return self._parts(self._labeller.clear(*_visited(request, form)))

    def _told(self, request: gr.Request, form: Sequence[Any], said: Any, name: str) -> tuple[Visit, LabelList | None, str | None]:
        """Return what the form says, the list with what was chosen for its row."""
        visit, labels, word = _visited(request, form)
        return visit, kept(labels, visit, given(said), (name or "").strip()), word

    def _parts(self, listed: Listed) -> tuple[Any, ...]:
        """Return what the tab's parts become, in the order of `shown` in `_join`."""
        some = listed.labels is not None
        words = gr.Dropdown(
            list(listed.words), value=list(listed.chosen), multiselect=True, max_choices=None if listed.several else 1
        )
        return (
            listed.labels, listed.word, listed.rows, listed.row, listed.picture, words, listed.told,
            gr.Group(visible=some), gr.Row(visible=some),
        )  # fmt: skip


def _visited(request: gr.Request, form: Sequence[Any]) -> tuple[Visit, LabelList | None, str | None]:
    key, served, use_case, labels, word = form
    visit = Visit(address_of(request.request.scope), key or "", use_case or None, {}, served or {})
    return visit.informed(), labels, word
