"""The form of a use case's clinical values, made from what `/v1/use_cases` says of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

_EVERYWHERE = ("age", "sex")
"""Always understood, and in the page's form already."""


def values_form(use_case: gr.Dropdown, served: gr.State, values: gr.State) -> None:
    """Make a field for every value of the chosen use case; each change is kept in `values`, by name."""

    @gr.render(inputs=[use_case, served], triggers=[use_case.change, served.change])
    def fields(name: str, known: dict[str, Any]) -> None:
        for item in wanted(name, known):
            field = _field(item)
            field.change(_keep(str(item["name"])), [field, values], values, api_visibility="private", show_progress="hidden")


def wanted(name: str, served: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the values that the chosen use case takes; where none is chosen, those of the only one."""
    chosen = served.get(name) or (next(iter(served.values())) if len(served) == 1 else {})
    return [item for item in chosen.get("clinical", ()) if item["name"] not in _EVERYWHERE]


def given(labels: Any) -> list[str]:
    """Return a choice as a list, whether it was of one or of several."""
    return [labels] if isinstance(labels, str) else list(labels or ())


def _field(item: Mapping[str, Any]) -> Any:
    name = str(item["name"]).replace("_", " ")
    label = name[:1].upper() + name[1:] + (f", {item['unit']}" if item.get("unit") else "")
    if item["words"]:
        return gr.Dropdown([("not known", ""), *((word, word) for word in item["words"])], value="", label=label)
    return gr.Number(label=label, minimum=item.get("low"), maximum=item.get("high"), placeholder="not known")


def _keep(name: str) -> Callable[[Any, dict[str, Any]], dict[str, Any]]:
    return lambda value, values: {**values, name: value}
