"""Reading use cases: from YAML to values, with errors that name the file, the line and the remedy."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from radloop.errors import ConfigError, InputError, nearest
from radloop.settings import Settings
from radloop.use_case import KINDS, UseCase


def folders(settings: Settings) -> list[Path]:
    """Return the folders that hold use cases, the user's first."""
    packaged = Path(str(resources.files("radloop.configs"))) / "use_cases"
    places = [settings.use_cases, settings.root / "configs" / "use_cases", packaged]
    return list(dict.fromkeys(place.resolve() for place in places if place is not None and place.is_dir()))


def use_case_files(settings: Settings) -> dict[str, Path]:
    """Return the YAML of every use case by name; an earlier folder wins."""
    found: dict[str, Path] = {}
    for folder in folders(settings):
        for path in sorted(folder.glob("*.yaml")):
            found.setdefault(path.stem, path)
    return found


def load_use_case(name: str, settings: Settings) -> UseCase:
    """Return a use case by name.

    Raises:
        InputError: no such use case; the nearest name is offered.
        ConfigError: its YAML is wrong.
    """
    files = use_case_files(settings)
    if name not in files:
        raise InputError("unknown_use_case", f"unknown use case '{name}'", nearest(name, files))
    return read_use_case(files[name])


def read_use_case(path: Path) -> UseCase:
    """Read one YAML file.

    Raises:
        ConfigError: not YAML, an unknown key, a wrong type or an impossible value.
    """
    text = path.read_text(encoding="utf-8")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        hint = "write patterns in single quotes" if "escape" in problem else "mend the line; YAML indents with spaces"
        raise ConfigError("invalid_yaml", f"{path.name}:{line}: not valid YAML: {problem}", hint) from error
    if root is None or not isinstance(document, dict):
        raise ConfigError(
            "invalid_use_case", f"{path.name}:1: expected keys and values", "see configs/use_cases/phantom-cxr.yaml"
        )
    try:
        # JSON mode: strict types, and still lists for tuples and words for enumerations.
        use_case = UseCase.model_validate_json(json.dumps(document, default=str))
    except ValidationError as error:
        raise _explained(path, root, error) from error
    if use_case.name != path.stem:
        raise ConfigError("invalid_use_case", f"{path.name}: name is '{use_case.name}'", "name the file as the use case")
    return use_case


def _explained(path: Path, root: yaml.Node, error: ValidationError) -> ConfigError:
    # A mistyped key that is required is missing too: what was written says more than what was not.
    first = next((one for one in error.errors() if one["type"] == "extra_forbidden"), error.errors()[0])
    location = [part for part in first["loc"] if not _is_tag(part, first["loc"])]
    message = first["msg"].removeprefix("Value error, ")
    if not location and (named := _PLACE.match(message)):  # of the whole use case: it says itself where it is mended
        location, message = list(named[1].split(".")), named[2]
    where = ".".join(str(part) for part in location)
    line = _line(root, location)
    if first["type"] == "extra_forbidden":
        hint = nearest(str(location[-1]), _siblings(location[:-1]))
        return ConfigError("unknown_key", f"{path.name}:{line}: unknown key '{where}'", hint)
    if first["type"].startswith("union_tag"):
        return _unknown_kind(path, line, where, first["ctx"])
    if first["type"] == "too_short":
        message = f"at least {first['ctx']['min_length']} are needed"
    code = "wrong_type" if "type" in first["type"] or first["type"].endswith("_parsing") else "invalid_use_case"
    shown = "" if first["type"] == "missing" or isinstance(first["input"], dict | list) else f", not {first['input']!r}"
    return ConfigError(
        code, f"{path.name}:{line}: {where or 'use case'}: {message}{shown}", "mend the line and run the command again"
    )


def _unknown_kind(path: Path, line: int, where: str, facts: Mapping[str, Any]) -> ConfigError:
    """Return the error of a section that may be of several kinds and is of none of them."""
    place = f"{path.name}:{line}: {where}"
    if "tag" not in facts:
        return ConfigError("invalid_use_case", f"{place}: kind is missing", f"one of {', '.join(sorted(KINDS))}")
    kinds = [word.strip("'") for word in str(facts["expected_tags"]).split(", ")]
    return ConfigError("invalid_use_case", f"{place}.kind: no kind '{facts['tag']}'", nearest(str(facts["tag"]), kinds))


_PLACE = re.compile(r"([a-z_]+(?:\.[a-z_]+)*): (.+)", re.DOTALL)
_TAGS = frozenset(
    [
        "float",
        "int",
        "choice",
        "target_sensitivity",
        "youden",
        "fixed",
        "binary",
        "multiclass",
        "multilabel",
        "segmentation",
        *KINDS,
    ]
)
_TAGGED = ("search", "operating_point", "labels")
"""The sections in which a tag stands below a word, not below a list's number."""


def _is_tag(part: int | str, location: tuple[int | str, ...]) -> bool:
    """Tell whether a part of pydantic's location is a union's tag, which the YAML does not contain."""
    place = location.index(part)
    return part in _TAGS and place > 0 and (isinstance(location[place - 1], int) or location[0] in _TAGGED)


def _line(node: yaml.Node, location: list[int | str]) -> int:
    for part in location:
        child = _child(node, part)
        if child is None:
            break
        node = child
    return int(node.start_mark.line) + 1


def _child(node: yaml.Node, part: int | str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item: yaml.Node = node.value[part]
        return item
    return None


def _siblings(location: list[int | str]) -> list[str]:
    """Return the valid keys of the section at a location."""
    models: list[Any] = [UseCase]
    for part in location:
        if isinstance(part, int):
            continue
        annotations = [model.model_fields[part].annotation for model in models if part in model.model_fields]
        models = [model for annotation in annotations for model in _models(annotation)]
    return sorted({name for model in models for name in model.model_fields})


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models(argument)]
