"""Commands about the installation: doctor and up."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import click

from radloop.commands.console import Outcome, answering, json_option, say
from radloop.settings import Settings

if TYPE_CHECKING:
    from radloop.governance.registry import Version


@click.command()
@click.option(
    "--env", "env", is_flag=True, help='Print shell exports: eval "$(radloop doctor --env)" points the tools at .radloop/.'
)
@json_option
@answering
def doctor(env: bool, settings: Settings) -> tuple[dict[str, Any], str]:
    """Say what is missing or differs on this machine, and how to mend it.

    Example:  radloop doctor
    """
    if env:
        variables = settings.environment()
        return {"environment": variables}, "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())
    findings = _findings(settings)
    bad = [item for item in findings if not item["ok"]]
    lines = [
        f"{'ok' if item['ok'] else 'NO'}  {item['what']}" + ("" if item["ok"] else f" -> {item['remedy']}") for item in findings
    ]
    document = {"ok": not bad, "home": str(settings.place), "findings": findings}
    if bad:
        raise Outcome(document, "\n".join(lines), 1)
    return document, "\n".join(lines)


def _findings(settings: Settings) -> list[dict[str, Any]]:
    from importlib.util import find_spec

    def found(what: str, ok: bool, remedy: str) -> dict[str, Any]:
        return {"what": what, "ok": ok, "remedy": "" if ok else remedy}

    git = shutil.which("git") is not None
    items = [
        found(
            f"Python {sys.version_info.major}.{sys.version_info.minor}",
            (3, 11) <= sys.version_info[:2] <= (3, 13),
            "use Python 3.11 to 3.13",
        ),
        found("git", git, "install git; without it evidence cannot name the code's commit"),
        found(
            f"home {settings.place} is writable", os.access(_existing(settings), os.W_OK), "set RADLOOP_HOME to a folder of yours"
        ),
    ]
    for module, extra in (
        ("torch", "train"),
        ("prefect", "train"),
        ("mlflow", "train"),
        ("great_expectations", "train"),
        ("bentoml", "serve"),
    ):
        items.append(found(module, find_spec(module) is not None, f"pip install 'radloop[{extra}]'"))
    return [*items, _keys(settings), _api_keys(settings), _answers(settings), *_served(settings)]


def _keys(settings: Settings) -> dict[str, Any]:
    """Compare the key list with the record of decisions."""
    from radloop.errors import RadloopError
    from radloop.governance.decisions import checked_reviewers

    try:
        listed = checked_reviewers(settings)
    except RadloopError as error:
        return {"what": error.message, "ok": False, "remedy": error.hint}
    held = [one.name for one in listed.reviewers if one.revoked is None] if listed else []
    words = (
        f"decisions are signed, by {', '.join(held) or 'nobody: every key is revoked'}" if listed else "names are not verified"
    )
    return {"what": f"reviewers: {words}", "ok": True, "remedy": ""}


def _api_keys(settings: Settings) -> dict[str, Any]:
    """Say who may ask the service."""
    from radloop.errors import RadloopError
    from radloop.inference.api_keys import read_keys

    try:
        listed = read_keys(settings)
    except RadloopError as error:
        return {"what": error.message, "ok": False, "remedy": error.hint}
    held = [key.name for key in listed.keys if key.revoked is None] if listed else []
    words = f"asked for; {', '.join(held) or 'every one is revoked'}" if listed else "none; the service answers on loopback only"
    return {"what": f"API keys: {words}", "ok": True, "remedy": ""}


def _answers(settings: Settings) -> dict[str, Any]:
    """Verify the records of answers, of shadows' answers and of feedback."""
    from radloop.errors import RadloopError
    from radloop.records.answers import answers_folder, check_segments, shadow_folder
    from radloop.records.feedback import feedback_folder

    try:
        count = check_segments(answers_folder(settings))
        shadows = check_segments(shadow_folder(settings))
        labels = check_segments(feedback_folder(settings))
    except RadloopError as error:
        return {"what": error.message, "ok": False, "remedy": error.hint}
    more = f", {shadows} of shadows" if shadows else ""
    return {
        "what": f"records: {count} answers and refusals{more}, {labels} labels, every link holds",
        "ok": True,
        "remedy": "",
    }


def _existing(settings: Settings) -> str:
    place = settings.place
    while not place.exists():
        place = place.parent
    return str(place)


def _served(settings: Settings) -> list[dict[str, Any]]:
    """Compare what is served with what MLflow calls champion, and verify it."""
    from radloop.errors import RadloopError
    from radloop.inference.engines import provider_of
    from radloop.inference.pointer import read_pointer, served_use_cases
    from radloop.inference.verification import verify

    items = []
    for name in served_use_cases(settings.bundles):
        try:
            pointer = read_pointer(settings.bundles, name)
            if pointer is None:
                continue
            from radloop.governance.registry import Registry

            registry = Registry(name, settings)
            said = _decided(registry.version(pointer.version), settings)
            items += said
            if not all(item["ok"] for item in said):
                continue  # what was rejected has no approval that could be verified
            provider_of(verify(pointer.folder(settings.bundles)).bundle.facts.engine.kind)  # what runs it is installed
            champion = registry.aliases().get("champion")
            same = champion == pointer.version
            what = f"{name}: served version {pointer.version}, champion {champion or 'none'}"
            items.append({"what": what, "ok": same, "remedy": "" if same else f"run `radloop deploy {name} {pointer.version}`"})
        except RadloopError as error:
            items.append({"what": f"{name}: {error.message}", "ok": False, "remedy": error.hint})
    return items


def _decided(version: Version, settings: Settings) -> list[dict[str, Any]]:
    """Say what became of a served version's approval: it was withdrawn, or addenda came after it."""
    from radloop.governance.addenda import added_since
    from radloop.governance.decisions import last_decision, unverified
    from radloop.governance.keys import who_decides

    last, what = last_decision(settings, version.use_case, version.version), f"{version.use_case}: version {version.version}"
    if last is not None and last["decision"] == "reject":
        remedy = (
            f"run `radloop rollback {version.use_case} {who_decides(settings)} --note TEXT`, or deploy another approved version"
        )
        return [{"what": f"{what} is served and was rejected by {unverified(last)}", "ok": False, "remedy": remedy}]
    newer = added_since(version, last, settings)
    named = ", ".join(f"{one['number']} ({one['name']})" for one in newer)
    return [{"what": f"{what} was approved before addendum {named}", "ok": True, "remedy": ""}] if newer else []


@click.command()
@click.option("--mlflow-port", type=click.IntRange(1, 65535), default=5000, show_default=True)
@click.option("--prefect-port", type=click.IntRange(1, 65535), default=4200, show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="The service's port.")
@click.option("--review-port", type=click.IntRange(1, 65535), help="The reviewers' page; 3100 by default.")
def up(mlflow_port: int, prefect_port: int, port: int, review_port: int | None) -> None:
    """Start Prefect, MLflow, the service and the reviewers' page on loopback, print their addresses, and stop them with Ctrl-C.

    What a reviewer asks for on MLflow's page is followed, and an approval starts its deployment where the use case says so.

    Example:  radloop up
    """
    settings = Settings()
    settings.place.joinpath("mlflow").mkdir(parents=True, exist_ok=True)
    # MLflow's server would start seven more processes, for jobs of language models; they outlive it.
    environment = os.environ | settings.environment() | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    environment["RADLOOP_PREFECT_API_URL"] = f"http://127.0.0.1:{prefect_port}/api"
    python, host, review = sys.executable, "127.0.0.1", str(review_port or settings.review_port)
    store = ["--backend-store-uri", settings.tracking_uri, "--default-artifact-root", settings.artifact_root]
    commands = {
        f"Prefect   http://{host}:{prefect_port}": [
            python,
            "-m",
            "prefect",
            "server",
            "start",
            "--host",
            host,
            "--port",
            str(prefect_port),
        ],
        f"MLflow    http://{host}:{mlflow_port}": [
            python,
            "-m",
            "mlflow",
            "server",
            *store,
            "--host",
            host,
            "--port",
            str(mlflow_port),
            "--workers",
            "1",
        ],
        f"Service   http://{host}:{port}": [
            python,
            "-m",
            "bentoml",
            "serve",
            "radloop.serving.service:Radloop",
            "--host",
            host,
            "--port",
            str(port),
        ],
        f"Review    http://{host}:{review}": [python, "-m", "radloop", "review", "page", "--port", review],
    }
    running = [subprocess.Popen(command, env=environment, stdout=sys.stderr) for command in commands.values()]  # noqa: S603
    for name in commands:
        say(name)
    say(f"flows run there after: export PREFECT_API_URL=http://{host}:{prefect_port}/api")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    while not stop.wait(0.5) and all(process.poll() is None for process in running):
        pass
    say("stopping" if stop.is_set() else "one of them stopped; stopping the others")
    for process in running:
        process.terminate()
    for process in running:
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
    if not stop.is_set():
        sys.exit(1)
