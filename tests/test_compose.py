"""The compose file: its schema, the versions it runs, and what it opens."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
FILE = ROOT / "compose.yaml"


def test_it_is_a_compose_file(tmp_path: Path) -> None:
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    assert subprocess.run([*checker, str(FILE)], capture_output=True, check=False).returncode == 0
    broken = tmp_path / "compose.yaml"
    broken.write_text(FILE.read_text().replace("depends_on:", "depend_on:", 1))
    assert subprocess.run([*checker, str(broken)], capture_output=True, check=False).returncode == 1


def test_it_runs_the_versions_of_the_lock_file() -> None:
    locked = dict(re.findall(r"^([a-z-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    text = FILE.read_text()
    assert re.findall(r"mlflow==(\S+)", text) == [locked["mlflow"]]
    assert re.findall(r"prefect:([\d.]+)-", text) == [locked["prefect"]]


def test_nothing_is_open_beyond_this_machine_and_no_secret_is_written_down() -> None:
    services = yaml.safe_load(FILE.read_text())["services"]
    assert all(port.startswith("127.0.0.1:") for service in services.values() for port in service["ports"])
    assert services["postgres"]["environment"]["POSTGRES_PASSWORD"].startswith("${RADLOOP_DB_PASSWORD:?")
    assert all("healthcheck" in service for service in services.values())
