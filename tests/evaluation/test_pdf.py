"""The PDF: the same page, whole, with fonts of our own, and nothing fetched."""

from __future__ import annotations

import re
import zlib
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from radloop.errors import InputError
from radloop.evaluation import pdf
from radloop.evaluation.pdf import as_pdf

PNG = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def streams(content: bytes) -> bytes:
    """Return what a PDF's compressed streams hold."""
    found = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL)
    inflated = []
    for stream in found:
        try:
            inflated.append(zlib.decompress(stream))
        except zlib.error:
            continue
    return b"\n".join(inflated)


def fonts(content: bytes) -> set[bytes]:
    """Return the names of a PDF's fonts, wherever they stand."""
    return set(re.findall(rb"/BaseFont /\w+\+([\w-]+)", content + streams(content)))


def test_fonts_are_ours_and_images_are_in_it() -> None:
    page = f"<title>T</title><p>AUROC <b>0.953</b> <i>not evaluable</i> <code>sha256</code></p><img src='{PNG}'>"
    content = as_pdf(page, "a title")
    assert content.startswith(b"%PDF-")
    assert fonts(content) == {b"DejaVuSans", b"DejaVuSans-Bold", b"DejaVuSans-Oblique", b"DejaVuSansMono"}
    assert b"/Subtype /Image" in content


def test_nothing_is_fetched() -> None:
    asked: list[str] = []

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    with HTTPServer(("127.0.0.1", 0), Site) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        root = f"http://127.0.0.1:{server.server_port}"
        page = f"<link rel='stylesheet' href='{root}/style'><img src='{root}/image'><img src='file:///etc/hostname'><p>x</p>"
        assert as_pdf(page, "x").startswith(b"%PDF-")
        server.shutdown()
    assert asked == []


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "find_spec", lambda _: None)
    with pytest.raises(InputError, match="cannot make a PDF") as caught:
        as_pdf("<p>x</p>", "x")
    assert "radloop[pdf]" in str(caught.value.hint)
