"""The reading page's addresses: what anybody may load, what does work, and nothing besides.

Gradio has more: files, proxies, an API description, monitoring. None of them is needed, none is reachable.
"""

from __future__ import annotations

PAGE = "/read"
UPLOAD = f"{PAGE}/gradio_api/upload"
ASSETS = f"{PAGE}/assets/"
_SINGLE = frozenset((PAGE, f"{PAGE}/", f"{PAGE}/theme.css", f"{PAGE}/config", f"{PAGE}/manifest.json"))
_FOLDERS = (ASSETS, f"{PAGE}/static/", f"{PAGE}/svelte/")
_POSTED = frozenset((UPLOAD, f"{PAGE}/gradio_api/queue/join", f"{PAGE}/gradio_api/cancel"))
_FOLLOWED = frozenset((f"{PAGE}/gradio_api/queue/data", f"{PAGE}/gradio_api/upload_progress"))


def is_asset(method: str, path: str) -> bool:
    """Tell whether it is the page or one of the files that it is made of."""
    return method in ("GET", "HEAD") and (path in _SINGLE or path.startswith(_FOLDERS))


def is_work(method: str, path: str) -> bool:
    """Tell whether it uploads a file, asks for something to be done, or follows it."""
    return path in {"POST": _POSTED, "GET": _FOLLOWED}.get(method, ())
