"""The whole manifest to click through, by skrub's TableReport: a page of its own within the page."""

from __future__ import annotations

import re

import pandas as pd
from skrub import TableReport

HIDDEN = ("id", "path", "sha256", "pixels", "dhash", "patient", "group", "series", "clip")
"""Digests and pseudonyms: there is nothing to see in their distributions."""
MOST_BYTES = 2_000_000
MOST_ROWS = 20_000
"""Of a larger table as many rows are described, evenly spread: skrub's time grows with them."""

_ADDRESS = re.compile(r' href="https?://[^"]*"')
"""Two words of skrub's link to an encyclopedia; nobody who reads this page is to be sent there."""


def explorable(frame: pd.DataFrame, title: str) -> str | None:
    """Return an HTML page about the columns of a manifest, which asks no network; None where it were too heavy.

    Args:
        frame: the manifest.
        title: stands above it.
    """
    names = [name for name in frame.columns if name not in HIDDEN and frame[name].notna().any()]
    step = -(-len(frame) // MOST_ROWS) or 1
    page: str = TableReport(frame[names].iloc[::step].reset_index(drop=True), title=title, verbose=0).html()
    page = _ADDRESS.sub("", page)
    return page if len(page.encode()) <= MOST_BYTES else None
