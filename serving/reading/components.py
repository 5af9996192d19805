"""The page's own components: Gradio's HTML with scripts of ours, kept in files beside this one."""

from __future__ import annotations

from typing import Any

import gradio as gr

from radloop.serving.reading.resource import text

_PICK = """
element.addEventListener("click", (event) => {
  const found = event.target.closest("[data-case], [data-target]");
  if (!found) return;
  if (found.dataset.case !== undefined) trigger("select", { index: Number(found.dataset.case) });
  else trigger("select", { target: found.dataset.target });
});
"""
_SAVE = """
watch("value", () => {
  const file = props.value;
  if (!file || !file.content) return;
  const bytes = Uint8Array.from(atob(file.content), (letter) => letter.charCodeAt(0));
  const url = URL.createObjectURL(new Blob([bytes], { type: file.type }));
  if (file.type === "text/html") {
    const frame = document.createElement("iframe");
    frame.hidden = true;
    frame.src = url;
    frame.onload = () => frame.contentWindow.print();
    document.body.append(frame);
    return;
  }
  const link = document.createElement("a");
  link.href = url;
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
});
"""


def viewer(elem_id: str) -> gr.HTML:
    """Return the image with window, level, zoom, heat map and marks; its value is what `picture.marked` gives."""
    return gr.HTML(
        None, html_template=text("viewer.html"), css_template=text("viewer.css"), js_on_load=text("viewer.js"), elem_id=elem_id
    )


def pickable(elem_id: str, value: str = "") -> gr.HTML:
    """Return HTML whose buttons (`data-case`, `data-target`) raise `select`."""
    return gr.HTML(value, js_on_load=_PICK, elem_id=elem_id)


def saver() -> gr.HTML:
    """Return what saves a file from memory; its value has `name`, `type` and `content` in base64."""
    return gr.HTML(None, html_template="<span></span>", js_on_load=_SAVE, elem_id="saver")


def theme() -> Any:
    """Return the page's colours and letters: the system's own font, nothing from elsewhere."""
    fonts = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
    return gr.themes.Base(
        primary_hue=gr.themes.colors.sky,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_md,
        text_size=gr.themes.sizes.text_md,
        font=fonts,
        font_mono=["ui-monospace", "monospace"],
    ).set(
        body_background_fill="#f4f7f9",
        body_background_fill_dark="#0f151a",
        block_background_fill="#ffffff",
        block_background_fill_dark="#182028",
        body_text_color="#16202a",
        body_text_color_dark="#e6edf2",
        body_text_color_subdued="#4a5965",
        body_text_color_subdued_dark="#a5b4c0",
        block_label_text_color="#33424e",
        block_label_text_color_dark="#c4d0d9",
        block_info_text_color="#4a5965",
        block_info_text_color_dark="#a5b4c0",
        border_color_primary="#d5dde4",
        border_color_primary_dark="#2e3b46",
        color_accent="#0b6aa2",
        button_primary_background_fill="#0b5c8a",
        button_primary_background_fill_hover="#09496e",
        button_primary_background_fill_dark="#0b5c8a",
        button_primary_background_fill_hover_dark="#0e70a8",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#ffffff",
    )
