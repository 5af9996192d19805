"""The API's documentation as a page. It loads nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from functools import cache
from html import escape
from importlib import resources
from typing import Any

_INLINE = {kind: re.compile(rf"<{kind}>(.*?)</{kind}>", re.DOTALL) for kind in ("style", "script")}


def docs_page(openapi: dict[str, Any]) -> str:
    """Return the API's documentation as a page, made from its OpenAPI description."""
    parts = "\n".join(_operations(openapi))
    return _resource("docs.html").replace("{{title}}", escape(openapi["info"]["title"])).replace("{{operations}}", parts)


@cache
def page_headers(page: str) -> dict[str, str]:
    """Return headers that let a page run its own style and script, reach this service, and nothing else."""
    rules = {f"{kind}-src": " ".join(_hashes(pattern, page)) or "'none'" for kind, pattern in _INLINE.items()}
    rules |= {"default-src": "'none'", "connect-src": "'self'", "img-src": "blob: data:", "frame-ancestors": "'none'"}
    policy = "; ".join(f"{name} {value}" for name, value in sorted(rules.items()))
    return {
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }


def _hashes(pattern: re.Pattern[str], page: str) -> Iterator[str]:
    for text in pattern.findall(page):
        yield "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


@cache
def _resource(name: str) -> str:
    return resources.files("radloop.serving").joinpath(name).read_text(encoding="utf-8")


def _operations(openapi: dict[str, Any]) -> Iterator[str]:
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            yield f"<section><h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(operation.get('summary', ''))}</p>"
            yield from _table("Form", _form(openapi, operation))
            yield from _table("Answer", _answer(openapi, operation))
            responses = operation.get("responses", {}).items()
            yield from _table("Status", [(status, "", str(answer.get("description", ""))) for status, answer in responses])
            yield "</section>"


Row = tuple[str, str, str]


def _form(openapi: dict[str, Any], operation: dict[str, Any]) -> list[Row]:
    content = operation.get("requestBody", {}).get("content", {}).values()
    return [row for body in content for row in _members(openapi, body["schema"])]


def _answer(openapi: dict[str, Any], operation: dict[str, Any]) -> list[Row]:
    responses = operation.get("responses", {})
    success = responses.get("200") or responses.get("202", {})
    schema = success.get("content", {}).get("application/json", {}).get("schema")
    return _members(openapi, schema) if schema else []


def _members(openapi: dict[str, Any], schema: dict[str, Any]) -> list[Row]:
    """Return (name, type, meaning) of an object's members."""
    target = _resolve(openapi, schema)
    required = set(target.get("required", ()))
    return [
        (name, _kind(openapi, member) + ("" if name in required else ", optional"), str(member.get("description", "")))
        for name, member in target.get("properties", {}).items()
    ]


def _resolve(openapi: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    target: dict[str, Any] = openapi["components"]["schemas"][name] if name else schema
    return target


def _kind(openapi: dict[str, Any], schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        members = ", ".join(_resolve(openapi, schema).get("properties", {}))
        return f"{{{members}}}"
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(_kind(openapi, choice) for choice in choices)
    if parts := schema.get("prefixItems"):
        return f"[{', '.join(_kind(openapi, part) for part in parts)}]"
    if schema.get("type") == "array":
        return f"list of {_kind(openapi, schema.get('items', {}))}"
    if "contentMediaType" in schema or schema.get("format") == "binary":
        return "file"
    return str(schema.get("const", schema.get("type", "any")))


def _table(title: str, rows: list[Row]) -> Iterator[str]:
    if rows:
        yield f"<h3>{title}</h3><div class='scroll'><table>"
        for row in rows:
            yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        yield "</table></div>"
