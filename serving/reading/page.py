"""The layout of the page in Gradio, and which of its parts calls what. Imported at the first visit only: Gradio is large."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from radloop.serving.reading.addresses import PAGE
from radloop.serving.reading.asking import address_of
from radloop.serving.reading.desk import Desks
from radloop.serving.reading.form import given, values_form
from radloop.serving.reading.fragments import EMPTY, notices, refusal
from radloop.serving.reading.reader import Reader, Shown
from radloop.serving.reading.resource import text
from radloop.serving.reading.uploads import Uploads
from radloop.serving.reading.visit import Visit, clinical_of
from radloop.settings import SILENCE, Settings

for _switch, _value in SILENCE.items():  # before Gradio is imported
    os.environ.setdefault(_switch, _value)

import gradio as gr  # noqa: E402

from radloop.serving.reading.components import pickable, saver, theme, viewer  # noqa: E402
from radloop.serving.reading.exports import KINDS  # noqa: E402
from radloop.serving.reading.label_tab import LabelTab  # noqa: E402
from radloop.serving.reading.labeller import Labeller  # noqa: E402

_ANY = "the one that admits the image"
_TITLE = "<div><h1>Read an image</h1><a href='/docs'>API for programs</a></div>"
_AT_ONCE = 20
"""How many visitors may be answered at a time; a clip takes minutes, and nobody else should wait for it."""
_ALONE = 60
"""Seconds between two looks of Gradio at its folder; ours is emptied at once, this is the second net."""


def mounted(settings: Settings, uploads: Uploads) -> FastAPI:
    """Return an application with the page at its address.

    Args:
        settings: of the installation.
        uploads: where Gradio puts what is dropped.
    """
    os.environ["GRADIO_TEMP_DIR"] = str(uploads.folder)
    desks = Desks()
    page = layout(Reader(uploads, desks), Labeller(uploads, desks))
    app = gr.mount_gradio_app(
        FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
        page,
        path=PAGE,
        show_error=False,
        max_file_size=max(settings.max_upload_bytes, settings.max_batch_bytes),  # a clip's; /v1 refuses a larger image
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
        ssr_mode=False,
        pwa=False,
        theme=theme(),
        css=text("page.css") + text("timeline.css"),
    )
    page.config["connect_heartbeat"] = False  # a stream for as long as a page is open, which would hold the service's end
    return app


def layout(reader: Reader, labeller: Labeller) -> gr.Blocks:
    """Return the page."""
    with gr.Blocks(
        title="Read an image - Radloop", analytics_enabled=False, delete_cache=(_ALONE, _ALONE), fill_width=True
    ) as page:
        Page(reader, labeller, page)
    return page


class Page:
    """The parts of the page, made and joined in the order in which they are read."""

    def __init__(self, reader: Reader, labeller: Labeller, blocks: gr.Blocks) -> None:
        self._reader = reader
        self.word, self.served, self.values = gr.State(None), gr.State({}), gr.State({})
        gr.HTML(_TITLE, elem_id="title")
        self.notices = gr.HTML(notices(False), elem_id="notices")
        self._key()
        self.saver = saver()
        with gr.Tabs():
            with gr.Tab("Read"):
                self._desk()
            with gr.Tab("Label list"):
                self.label_list = LabelTab(labeller, self.key, self.served, self.saver)
        self._join(blocks)

    def _key(self) -> None:
        with gr.Accordion("API key", open=False, visible=False) as self.keys:
            with gr.Row(equal_height=True):
                self.key = gr.Textbox(
                    label="API key",
                    info="It stays in this page and is asked for again when the page is opened anew.",
                    type="password",
                )
                self.use = gr.Button("Use this key", scale=0, min_width=140)
            self.refused = gr.HTML("")

    def _desk(self) -> None:
        with gr.Row():
            with gr.Column(scale=3, min_width=290, elem_id="side"):
                self._question()
            with gr.Column(scale=6, min_width=320):
                self.viewer = viewer("viewer")
                self.timeline = gr.HTML("", elem_id="timeline")
            with gr.Column(scale=4, min_width=300, elem_id="findings-column"):
                self.result = pickable("result", EMPTY)
                self.stop = gr.Button("Cancel", visible=False, elem_id="cancel")
                self._judgement()
                self._exports()

    def _question(self) -> None:
        self.files = gr.File(
            label="DICOM, PNG, JPEG or video",
            file_count="multiple",
            type="filepath",
            height=170,
            elem_id="drop",
        )
        self.use_case = gr.Dropdown([(_ANY, "")], value="", label="Use case", elem_id="use-case")
        with gr.Accordion("Clinical values", open=False):
            with gr.Row():
                self.age = gr.Number(label="Age, years", minimum=0, maximum=130, placeholder="from the file", min_width=90)
                self.sex = gr.Dropdown(
                    [("from the file", ""), ("F", "F"), ("M", "M"), ("O", "O")], value="", label="Sex", min_width=90
                )
            values_form(self.use_case, self.served, self.values)
            self.again = gr.Button("Ask again with these values")
        self.cases = pickable("cases")
        self.clear = gr.Button("Clear the desk", visible=False)

    def _judgement(self) -> None:
        with gr.Group(visible=False) as self.judging:
            self.labels = gr.Dropdown([], label="What it shows", multiselect=True, elem_id="labels")
            self.name = gr.Textbox(label="Reader", info="Who says so, if you like; never a patient.", max_length=60, lines=1)
            with gr.Row():
                self.agree = gr.Button("Agree", min_width=100)
                self.correct = gr.Button("Send correction", variant="primary", min_width=150)
            self.said = gr.Markdown("", elem_id="said")

    def _exports(self) -> None:
        with gr.Row(visible=False, elem_id="exports") as self.saving:
            self.buttons = {name: gr.Button(f"Save as {kind.label}", elem_id=f"export-{name}") for name, kind in KINDS.items()}

    def _join(self, blocks: gr.Blocks) -> None:
        hidden: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
        form = [self.key, self.use_case, self.age, self.sex, self.values, self.served, self.word]
        long: dict[str, Any] = hidden | {"concurrency_limit": _AT_ONCE, "trigger_mode": "multiple"}
        self.shown = shown = [
            self.word, self.cases, self.viewer, self.timeline, self.result, self.stop, self.labels, self.said, self.judging,
            self.saving, *self.buttons.values(), self.notices, self.clear,
        ]  # fmt: skip
        opened = [self.served, self.use_case, self.keys, self.refused, self.notices, self.label_list.use_case]
        blocks.load(self._open, [self.key], opened, **hidden)
        gr.on([self.use.click, self.key.submit], self._open, [self.key], opened, **hidden)
        self.files.upload(self._take, [self.files, *form], [*shown, self.files], **long)
        self.again.click(self._again, form, shown, **long)
        self.stop.click(self._stop, form, shown, **hidden)
        self.cases.select(self._pick, form, shown, **hidden)
        self.result.select(self._pick, form, shown, **hidden)
        self.clear.click(self._clear, form, shown, **hidden)
        self.agree.click(self._agree, [self.name, *form], shown, **hidden)
        self.correct.click(self._correct, [self.labels, self.name, *form], shown, **hidden)
        self.use_case.change(dict, None, self.values, **hidden)
        self.use_case.input(self._all, form, shown, **long)
        for name, button in self.buttons.items():
            button.click(self._exporting(name), form, self.saver, **hidden)

    def _open(self, request: gr.Request, key: str) -> tuple[Any, ...]:
        served, problem = self._reader.served(Visit(address_of(request.request.scope), key or ""))
        asked = problem is not None and str(problem["code"]).startswith("key")
        names = [(one["title"] + (" (synthetic)" if one["synthetic"] else ""), name) for name, one in served.items()]
        choices = gr.Dropdown([(_ANY, ""), *names], value="")
        synthetic = bool(served) and all(one["synthetic"] for one in served.values())
        said = refusal(problem) if problem else "" if served else "<p>No use case is served yet.</p>"
        keys = gr.Accordion(visible=asked or bool(key) or not served, open=bool(problem) or not served)
        return served, choices, keys, said, notices(synthetic), self.label_list.asked(served)

    def _take(self, request: gr.Request, files: list[str] | None, *form: Any) -> Iterator[tuple[Any, ...]]:
        visit = self._visit(form, request)
        for word, shown in self._reader.take(visit, files or [], form[-1]):
            yield (*self._parts(word, shown, visit), None)

    def _all(self, request: gr.Request, *form: Any) -> Iterator[tuple[Any, ...]]:
        visit = self._visit((*form[:4], {}, *form[5:]), request)  # the values entered so far were another use case's
        for word, shown in self._reader.ask_all(visit, form[-1]):
            yield self._parts(word, shown, visit)

    def _again(self, request: gr.Request, *form: Any) -> Iterator[tuple[Any, ...]]:
        visit = self._visit(form, request)
        for word, shown in self._reader.again(visit, form[-1]):
            yield self._parts(word, shown, visit)

    def _stop(self, request: gr.Request, *form: Any) -> tuple[Any, ...]:
        visit = self._visit(form, request)
        return self._parts(*self._reader.cancel(visit, form[-1]), visit)

    def _pick(self, request: gr.Request, event: gr.EventData, *form: Any) -> tuple[Any, ...]:
        visit, told = self._visit(form, request), dict(event._data or {})
        if "target" in told:
            return self._parts(*self._reader.explain(visit, form[-1], str(told["target"])), visit)
        return self._parts(*self._reader.select(visit, form[-1], int(told.get("index", 0))), visit)

    def _clear(self, request: gr.Request, *form: Any) -> tuple[Any, ...]:
        visit = self._visit(form, request)
        return self._parts(*self._reader.clear(visit, form[-1]), visit)

    def _agree(self, request: gr.Request, name: str, *form: Any) -> tuple[Any, ...]:
        visit = self._visit(form, request)
        return self._parts(*self._reader.judge(visit, form[-1], None, name or ""), visit)

    def _correct(self, request: gr.Request, labels: list[str] | None, name: str, *form: Any) -> tuple[Any, ...]:
        visit = self._visit(form, request)
        return self._parts(*self._reader.judge(visit, form[-1], given(labels), name or ""), visit)

    def _exporting(self, kind: str) -> Any:
        def export(request: gr.Request, *form: Any) -> dict[str, Any] | None:
            made = self._reader.export(self._visit(form, request), form[-1], kind)
            if made is not None and "problem" in made:
                raise gr.Error(made["problem"], print_exception=False)
            return made

        return export

    def _parts(self, word: str, shown: Shown | None, visit: Visit) -> tuple[Any, ...]:
        """Return what the page's parts become, in the order of `shown` in `_join`; None changes none of them."""
        if shown is None:
            return (gr.skip(),) * len(self.shown)
        labels = gr.Dropdown(
            list(shown.words), value=list(shown.chosen or ()), multiselect=True, max_choices=None if shown.several else 1
        )
        buttons = (gr.Button(visible=name in shown.exports) for name in self.buttons)
        synthetic = shown.synthetic or (bool(visit.served) and all(one["synthetic"] for one in visit.served.values()))
        answered = bool(shown.exports)
        return (
            word, shown.cases, shown.picture, shown.timeline, shown.result, gr.Button(visible=shown.reading), labels, shown.said,
            gr.Group(visible=bool(shown.words)), gr.Row(visible=answered), *buttons, notices(synthetic),
            gr.Button(visible=shown.some),
        )  # fmt: skip

    def _visit(self, form: tuple[Any, ...], request: gr.Request) -> Visit:
        """Return what the form says; its parts are those of `form` in `_join`."""
        key, use_case, age, sex, values, served, _ = form
        clinical, url = clinical_of(age, sex, values or {}), address_of(request.request.scope)
        return Visit(url, key or "", use_case or None, clinical, served or {}).informed()
