"""`radloop up` as a reviewer meets it: four servers, MLflow's page in a real browser, and a champion that a tag makes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from conftest import Loop, need_command
from installations import Installation, copy_installation
from playwright.sync_api import Page, expect, sync_playwright

from radloop.governance.decisions import decisions, last_decision
from radloop.governance.key_file import make_key, write_key
from radloop.governance.keys import list_key
from radloop.governance.registry import Registry
from radloop.inference.pointer import read_pointer
from radloop.inference.workers import live_workers, workers_folder
from radloop.training.tracking import Tracker

UC, PATIENCE = "phantom-cxr", 180.0


@dataclass(frozen=True)
class Up:
    """A running `radloop up`."""

    site: Installation
    process: subprocess.Popen[bytes]
    log: Path
    prefect: str
    mlflow: str
    service: str
    review: str

    @property
    def health(self) -> list[str]:
        """Return an address of each server that answers when it is ready."""
        return [f"{self.prefect}/api/health", f"{self.mlflow}/health", f"{self.service}/livez", f"{self.review}/"]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:  # noqa: S310
            return reply.status == 200
    except (urllib.error.URLError, OSError):
        return False


def completed(up: Up) -> int:
    """Return how many runs of the flow `deploy` Prefect has seen to their end."""
    asked = {"flow_runs": {"name": {"any_": [f"deploy-{UC}"]}, "state": {"type": {"any_": ["COMPLETED"]}}}}
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{up.prefect}/api/flow_runs/count", json.dumps(asked).encode(), headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310
        return int(reply.read())


def wait_for(condition: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit, f"{what} did not happen"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def up(loop: Loop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """`radloop up` on a copy of the loop's installation, whose use case deploys on approval."""
    site = copy_installation(loop.installation, tmp_path_factory.mktemp("up") / "site")
    path = site.root / "configs" / "use_cases" / f"{UC}.yaml"
    config = yaml.safe_load(path.read_text())
    config["review"]["deploy_on_approval"] = True
    path.write_text(yaml.safe_dump(config))
    ports = {name: free_port() for name in ("prefect", "mlflow", "service", "review")}
    client = Tracker(UC, site.settings).client  # the version's page leads to the default port, which others may hold
    page = client.get_model_version(UC, "1").description.replace(":3100/", f":{ports['review']}/")
    client.update_model_version(UC, "1", page)
    options = {"prefect": "--prefect-port", "mlflow": "--mlflow-port", "service": "--port", "review": "--review-port"}
    command = [
        sys.executable,
        "-m",
        "radloop",
        "up",
        *(word for name, port in ports.items() for word in (options[name], str(port))),
    ]
    log = site.root.with_suffix(".log")
    with log.open("w") as stream:
        process = subprocess.Popen(command, cwd=site.root, env=site.environment, stderr=stream, start_new_session=True)
    try:
        running = Up(site, process, log, **{name: f"http://127.0.0.1:{port}" for name, port in ports.items()})
        wait_for(lambda: process.poll() is not None or all(answers(url) for url in running.health), "the start")
        assert process.poll() is None, "it stopped by itself"
        yield running
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(site.root, ignore_errors=True)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page of a real browser."""
    need_command("chromium", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        found = browser.new_page(viewport={"width": 1300, "height": 1100})
        found.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        yield found
        browser.close()


def test_a_reviewer_approves_on_mlflows_page_and_the_champion_moves(up: Up, page: Page) -> None:
    page.goto(f"{up.mlflow}/#/models/{UC}")
    expect(page.get_by_text("@ candidate")).to_be_visible()
    page.get_by_role("link", name="Version 1").click()
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Report", exact=True).click()
    expect(opened.value.get_by_role("heading", name="Passed the gate")).to_be_visible()
    opened.value.close()
    page.get_by_placeholder("Name", exact=True).fill("radloop.review")
    page.get_by_placeholder("Value", exact=True).fill("approve: read the report")
    page.get_by_role("button", name="Add", exact=True).click()
    registry = Registry(UC, up.site.settings)
    wait_for(lambda: registry.aliases() == {"champion": 1}, "the deployment")
    page.reload()
    expect(page.get_by_text("@ champion")).to_be_visible()
    expect(page.get_by_text("MLflow page (unverified name)")).to_be_visible()
    bundle = registry.version(1).bundle
    pointer = read_pointer(up.site.settings.bundles, UC)
    assert pointer is not None
    assert pointer.bundle == bundle
    assert [worker.loaded for worker in live_workers(workers_folder(up.site.settings.place))] == [{UC: bundle}]
    wait_for(lambda: [entry["decision"] for entry in decisions(up.site.settings)] == ["approve", "deploy"], "its record")
    wait_for(lambda: completed(up) == 1, "the flow's end in Prefect's history")


def test_with_keys_on_a_reviewer_signs_on_the_page(up: Up, page: Page, tmp_path: Path) -> None:
    settings, file, passphrase = up.site.settings, tmp_path / "reader.key", "correct horse"
    made = make_key("Dr. A. Reader", passphrase)
    write_key(file, made)
    list_key(made.name, made.public, "reviewer", None, settings)
    page.goto(up.review)
    page.get_by_role("link", name=f"{UC} version 1").click()
    page.get_by_label("reject").check()
    page.get_by_label("Note").fill("worse at site B")
    page.get_by_label("Your key file").set_input_files(file)
    page.get_by_label("Its passphrase").fill("wrong horse")
    page.get_by_role("button", name="Sign and record").click()
    expect(page.get_by_role("alert")).to_contain_text("does not open the key")
    page.get_by_label("reject").check()
    page.get_by_label("Your key file").set_input_files(file)
    page.get_by_label("Its passphrase").fill(passphrase)
    page.get_by_role("button", name="Sign and record").click()
    expect(page.get_by_role("status")).to_contain_text("Rejected by Dr. A. Reader")
    expect(page.get_by_role("status")).to_contain_text("signed with the key")
    last = last_decision(settings, UC, 1)
    assert last is not None
    assert (last["by"], last["note"], last["verified"]) == ("Dr. A. Reader", "worse at site B", True)


def test_a_signal_stops_all_quietly(up: Up) -> None:
    os.kill(up.process.pid, signal.SIGINT)
    assert up.process.wait(timeout=60) == 0
    said = up.log.read_text()
    assert "stopping" in said
    assert "Aborted" not in said
    assert "Traceback" not in said
    assert not any(answers(url) for url in up.health)
    with pytest.raises(ProcessLookupError):
        os.killpg(up.process.pid, 0)  # nobody is left
