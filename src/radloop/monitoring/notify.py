"""Telling people of an alarm: the log, a webhook, mail, an event in Prefect. What an alarm says names no patient."""

from __future__ import annotations

import json
import logging
import smtplib
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urlsplit

from radloop.records.alarms import deliveries, looks, remember
from radloop.settings import Settings

logger = logging.getLogger("radloop.monitoring")

EVENT = "radloop.alarm"
"""The name of the event in Prefect; its resource is `radloop.use-case.UC`."""
TIMEOUT = 10.0
"""Seconds that a receiver has."""
TRIES = 10
"""How often an alarm is sent to one receiver at the most, once a run."""

Alarm = Mapping[str, Any]
Send = Callable[[Alarm, Settings], None]


def notify(settings: Settings, use_case: str) -> list[dict[str, Any]]:
    """Send every new alarm of a use case to every receiver that has not got it, and write down what came of it.

    An alarm that goes on (`continues`) is not sent again. A receiver that cannot be reached is tried again by the next runs.

    Returns:
        the deliveries: `alarm`, `to`, `delivered`, `error`.
    """
    done: set[tuple[str, str]] = set()
    tries: dict[tuple[str, str], int] = {}
    for item in deliveries(settings):
        key = (item["alarm"], item["to"])
        tries[key] = tries.get(key, 0) + 1
        if item["delivered"]:
            done.add(key)
    found = []
    for alarm in looks(settings, use_case):
        if not alarm["alarm"] or alarm["continues"]:
            continue
        for name, send in _receivers(settings):
            key = (alarm["look"], name)
            if key not in done and tries.get(key, 0) < TRIES:
                error = _tried(send, alarm, settings)
                facts = {"use_case": use_case, "alarm": alarm["look"], "to": name, "delivered": error is None, "error": error}
                found.append(remember("delivery", facts, settings))
    return found


def sentence(alarm: Alarm) -> str:
    """Return an alarm in one line."""
    said = "; ".join(f"{item['signal']}: {item['says']} (p {item['p']:.2g})" for item in alarm["signals"] if item["alarm"])
    span = alarm["requests"]
    return f"{alarm['use_case']} version {alarm['version']}, {span['n']} requests up to {span['to'][:16]}: {said}"


def _receivers(settings: Settings) -> Iterator[tuple[str, Send]]:
    yield "log", _log
    if settings.prefect_api_url:
        yield "prefect", _prefect
    if settings.alarm_webhook:
        yield "webhook", _webhook
    if settings.alarm_email and settings.smtp_url:
        yield "email", _email


def _tried(send: Send, alarm: Alarm, settings: Settings) -> str | None:
    try:
        send(alarm, settings)
    except (OSError, ValueError, smtplib.SMTPException) as error:
        logger.error("an alarm could not be sent: %s", type(error).__name__)
        return type(error).__name__
    return None


def _log(alarm: Alarm, _: Settings) -> None:
    logger.warning("ALARM %s", sentence(alarm))


def _webhook(alarm: Alarm, settings: Settings) -> None:
    _post(settings.alarm_webhook or "", {"event": EVENT, "text": sentence(alarm), "alarm": dict(alarm)})


def _prefect(alarm: Alarm, settings: Settings) -> None:
    """Emit an event that an automation can start a deployment on."""
    event = {
        "occurred": alarm["time"],
        "event": EVENT,
        "resource": {"prefect.resource.id": f"radloop.use-case.{alarm['use_case']}", "prefect.resource.name": alarm["use_case"]},
        "related": [],
        "payload": {"text": sentence(alarm), "look": alarm["look"], "signals": alarm["alarming"], "bundle": alarm["bundle"]},
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, alarm["look"])),
    }
    _post(f"{(settings.prefect_api_url or '').rstrip('/')}/events", [event])


def _post(url: str, body: Any) -> None:
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError("only http and https")
    request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
        url, json.dumps(body).encode(), {"content-type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT):  # noqa: S310 - likewise; another status than 2xx raises
        pass


def _email(alarm: Alarm, settings: Settings) -> None:
    url = urlsplit(settings.smtp_url or "")
    message = EmailMessage()
    message["Subject"] = f"Radloop: {alarm['use_case']} has drifted ({', '.join(alarm['alarming'])})"
    message["From"], message["To"] = settings.smtp_sender, settings.alarm_email
    message.set_content(f"{sentence(alarm)}\n\nradloop monitor {alarm['use_case']}\n")
    kind = smtplib.SMTP_SSL if url.scheme == "smtps" else smtplib.SMTP
    with kind(url.hostname or "localhost", url.port or 0, timeout=TIMEOUT) as server:
        if url.scheme == "smtp+tls":
            server.starttls()
        if url.username:
            server.login(unquote(url.username), unquote(url.password or ""))
        server.send_message(message)
