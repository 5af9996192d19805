"""What every route needs: work beside the event loop, and the bytes of an upload."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fastapi import Request, UploadFile

from radloop.serving.upload import too_large

T = TypeVar("T")


async def in_pool(request: Request, work: Callable[[], T]) -> T:
    """Run blocking work beside the event loop."""
    pool: ThreadPoolExecutor = request.app.state.pool
    return await asyncio.get_running_loop().run_in_executor(pool, work)


async def content_of(request: Request, image: UploadFile, limit: int | None = None) -> bytes:
    """Return the bytes of an upload.

    Args:
        request: that it came with.
        image: the upload.
        limit: bytes; that of one image where none is given.

    Raises:
        TooLarge: it has more.
    """
    most: int = limit or request.app.state.settings.max_upload_bytes
    content = await image.read()
    if len(content) > most:
        raise too_large(most)
    return content
