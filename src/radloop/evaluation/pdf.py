"""The report on paper: the same HTML, laid out by PlutoPrint. Nothing is fetched, and no font of the machine is needed."""

from __future__ import annotations

import io
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radloop.errors import InputError

if TYPE_CHECKING:
    from plutoprint import ResourceData

_FONTS = {
    "DejaVuSans.ttf": ("Report", 400, "normal"),
    "DejaVuSans-Bold.ttf": ("Report", 700, "normal"),
    "DejaVuSans-Oblique.ttf": ("Report", 400, "italic"),
    "DejaVuSansMono.ttf": ("Report Mono", 400, "normal"),
}
"""Files that matplotlib brings, as the page calls them."""
_FACES = "\n".join(
    f'@font-face {{ font-family: "{family}"; font-weight: {weight}; font-style: {style}; src: url("font:{file}"); }}'
    for file, (family, weight, style) in _FONTS.items()
)
_STYLE = f"""{_FACES}
body {{ font-family: "Report", sans-serif; }} code {{ font-family: "Report Mono", monospace; }}
@page {{
  size: A4; margin: 14mm;
  @bottom-right {{ content: counter(page) " / " counter(pages); font-family: "Report"; font-size: 8pt; color: #444; }}
}}"""


def can_print() -> bool:
    """Tell whether this machine can make a PDF."""
    return find_spec("plutoprint") is not None


def as_pdf(page: str, title: str) -> bytes:
    """Return a page of ours as PDF, A4.

    Args:
        page: HTML whose images are inlined, with nothing folded.
        title: of the document.

    Raises:
        InputError: the extra `pdf` is not installed.
    """
    if not can_print():
        raise InputError(
            "no_pdf", "this machine cannot make a PDF", "pip install 'radloop[pdf]', or print the page from a browser"
        )
    import plutoprint

    book = plutoprint.Book(plutoprint.PAGE_SIZE_A4, plutoprint.PAGE_MARGINS_NONE, plutoprint.MEDIA_TYPE_PRINT)
    book.custom_resource_fetcher = _fetcher()
    book.set_metadata(plutoprint.PDF_METADATA_TITLE, title)
    book.load_html(page, user_style=_STYLE, base_url="report:page")
    stream = io.BytesIO()
    book.write_to_pdf_stream(stream)
    return stream.getvalue()


def _fetcher() -> Any:
    """Return what gives the engine inlined images and our fonts, and refuses every other address."""
    import matplotlib
    import plutoprint

    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"

    class Inlined(plutoprint.ResourceFetcher):
        def fetch_url(self, url: str) -> ResourceData:
            if url.startswith("font:") and url.removeprefix("font:") in _FONTS:
                return plutoprint.ResourceData((fonts / url.removeprefix("font:")).read_bytes(), "font/ttf")
            if url.startswith("data:"):
                return plutoprint.default_resource_fetcher.fetch_url(url)
            raise ValueError("a report fetches nothing")

    return Inlined()
