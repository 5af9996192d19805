"""Who may ask, how often, and how much at once: decided before a body is read."""

from __future__ import annotations

import hmac
import math
import os
import time
from collections.abc import Callable, Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from radloop.errors import IntegrityError, Refusal
from radloop.inference.api_keys import (
    ISSUE,
    ApiKey,
    ApiKeys,
    hash_key,
    identifier,
    is_loopback,
    keys_file,
    keys_required,
    read_keys,
)
from radloop.records.secret import secret
from radloop.serving.problems import TryLater
from radloop.serving.reading.addresses import is_asset, is_work
from radloop.serving.upload import content_length
from radloop.settings import Settings

OPEN = frozenset(("/", "/docs", "/openapi.json"))
"""The pages and the API's description, beside the reading page and its assets; BentoML answers for the health of the
service. All else is guarded, known or not."""
LARGE = frozenset(("/v1/predict_batch", "/v1/predict_video"))
"""Where many images come at once: uploads are in memory, never on the disk."""
LARGE_AT_ONCE = 2
"""Uploads above what one image may have that are read side by side; smaller ones count as any request."""
BURST_SECONDS = 10
"""A key may use so many seconds' worth of its requests at once."""

Signature = tuple[int, int, int]


class Guard:
    """ASGI middleware in front of everything that costs: API key, rate, number in flight."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._keys = Keys(settings)
        self._rates = Rates(settings.rate_limit)
        self._free = self._most = settings.max_in_flight
        self._free_large = LARGE_AT_ONCE
        self._image = settings.max_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or refuse it."""
        if scope["type"] != "http" or scope["method"] == "OPTIONS" or is_open(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return
        if is_work(scope["method"], scope["path"]):
            # What it asks for asks /v1 with the visitor's own key; there it is counted. It comes over loopback, though.
            self._keys.check_page(scope)
            await self._app(scope, receive, send)
            return
        key = self._keys.check(scope)
        if key is not None:
            self._rates.take(key)
        scope["state"]["key"] = key
        if self._free == 0:
            raise TryLater("overloaded", f"the service works on {self._most} requests already", "ask again later", 1)
        large = scope["path"] in LARGE and (content_length(scope) or math.inf) > self._image
        if large and self._free_large == 0:
            raise TryLater("overloaded", f"the service reads {LARGE_AT_ONCE} large uploads already", "ask again later", 5)
        scope["state"]["alone"] = not self._busy()
        scope["state"]["busy"] = self._busy
        self._free -= 1
        self._free_large -= large
        try:
            await self._app(scope, receive, send)
        finally:
            self._free += 1
            self._free_large += large

    def _busy(self) -> bool:
        """Tell whether a request is in flight."""
        return self._free < self._most


def is_open(method: str, path: str) -> bool:
    """Tell whether anybody may ask."""
    return path in OPEN or is_asset(method, path)


class Keys:
    """The list of API keys as it stands on the disk; a change counts from the next request on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._path = keys_file(settings)
        self._seen: Signature | None = None
        self._by_id: dict[str, ApiKey] = {}
        self._secret = b""

    def check(self, scope: Scope) -> ApiKey | None:
        """Return the key of a request; None where keys are off and it came over loopback.

        Raises:
            Refusal: `key_missing`, `key_unknown`, `key_revoked`, or `keys_required`.
            IntegrityError: `tampered_api_keys` or `missing_api_keys`.
        """
        self._follow()
        if self._seen is None:
            _check_loopback(scope)
            return None
        kind, _, word = _header(scope, b"authorization").partition(" ")
        if kind.lower() != "bearer" or not word:
            raise Refusal("key_missing", "this service asks for an API key", ISSUE)
        word = word.strip()
        key = self._by_id.get(identifier(word) or "")
        if key is None or not hmac.compare_digest(key.hash, hash_key(word, self._secret)):
            raise Refusal("key_unknown", "there is no such API key", ISSUE)
        if key.revoked is not None:
            raise Refusal("key_revoked", "this API key was revoked", ISSUE)
        return key

    def check_page(self, scope: Scope) -> None:
        """Refuse work of the reading page that comes from elsewhere while keys are off.

        Raises:
            Refusal: `keys_required`.
            IntegrityError: `tampered_api_keys` or `missing_api_keys`.
        """
        self._follow()
        if self._seen is None:
            _check_loopback(scope)

    def _follow(self) -> None:
        """Read the list anew where it changed; asking the file system takes two millionths of a second."""
        try:
            status = os.stat(self._path)  # noqa: PTH116 - at every request: no Path object's detour
        except FileNotFoundError:
            if self._seen is not None:  # keys were on: who deletes the list opens nothing
                raise IntegrityError("missing_api_keys", "API keys: the list is gone", "restore it from a backup") from None
            return
        signature = (status.st_ino, status.st_mtime_ns, status.st_size)
        if signature != self._seen:
            listed: ApiKeys | None = read_keys(self._settings)
            if listed is None:
                return
            self._secret = secret("api", self._settings)
            self._by_id = {key.id: key for key in listed.keys}
            self._seen = signature


class Rates:
    """A bucket of tokens for each key: it fills evenly and holds a few seconds' worth."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with full buckets.

        Args:
            limit: requests a minute of a key that has none of its own.
            clock: seconds.
        """
        self._limit = limit
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, key: ApiKey) -> None:
        """Take a token.

        Raises:
            TryLater: `rate_limited`; there is none.
        """
        speed = (key.rate or self._limit) / 60
        most, now = max(1.0, speed * BURST_SECONDS), self._clock()
        left, before = self._left.get(key.id, (most, now))
        left = min(most, left + speed * (now - before))
        if left < 1:
            self._left[key.id] = left, now
            wait = math.ceil((1 - left) / speed)
            raise TryLater(
                "rate_limited", f"this key may send {key.rate or self._limit} requests a minute", f"wait {wait} s", wait
            )
        self._left[key.id] = left - 1, now


def _check_loopback(scope: Scope) -> None:
    """Refuse who does not come over loopback, or by a name that is not loopback's: a foreign page whose name leads here."""
    server, name = scope.get("server"), _header(scope, b"host")
    host = name.rpartition(":")[0] if name.rpartition(":")[2].isdigit() and not name.endswith("]") else name
    if server is None or not is_loopback(str(server[0])) or not is_loopback(host or "localhost"):
        raise keys_required()


def _header(scope: Scope, name: bytes) -> str:
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return next((value.decode("latin-1") for key, value in headers if key == name), "")
