"""The manual: it is built, and every command that it shows is run, here or by the test that is named for it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Loop
from installations import ROOT, Installation, copy_installation

from radloop.data.phantoms import write_phantoms
from radloop.governance.deployment import deploy
from radloop.governance.review import decide_on

DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)

ELSEWHERE = {
    "git clone": ".ci/run",
    "git pull": ".ci/run",
    "make install": ".ci/run",
    "make retrain": ".ci/run",
    "make test": ".ci/run",
    "radloop retrain": "tests/flows/test_retrain.py",
    "dvc repro": "tests/flows/test_pipeline.py",
    "radloop up": "tests/browser/test_up.py",
    "radloop serve": "tests/serving/test_service.py",
    "radloop rollback": "tests/governance/test_signing.py",
    "radloop review approve tb-cxr 4 --key": "tests/governance/test_signing.py",
    "radloop challenger": "tests/governance/test_challenging.py",
    "radloop feedback": "tests/monitoring/test_queue.py",
    "radloop labelled": "tests/monitoring/test_queue.py",
    "radloop erase": "tests/commands/test_versioning.py",
    "radloop trace REQUEST_ID": "tests/governance/test_trace.py",
    "radloop replay": "tests/commands/test_replay.py",
    "radloop keys new": "tests/governance/test_keys.py",
    "radloop keys revoke": "tests/governance/test_keys.py",
    "bentoml containerize": "benchmarks/container.py",
    "docker ": "benchmarks/container.py",
    "radloop predict chest.dcm": "tests/serving/test_service.py",
    "curl ": "tests/serving/test_service.py",
    "for image in": "tests/serving/test_service.py",
}
"""What a shown command starts with, and who runs it where it needs a server, a passphrase, another machine or minutes."""

STANDS_FOR = {
    "tb-cxr": "phantom-cxr",
    "kidney-ct": "phantom-cxr",
    "wrist-fracture": "phantom-cxr",
    "~/montgomery": "~/other",
    "~/sent": "~/other",
    "~/data/kidney-ct": "~/other",
    "~/data/wrist": "~/other",
    "4": "1",
    "PATH": "~/other",
    "DIR": "~/other",
}
"""Words of an example, and what they are here."""

RESULTS = {"validate": (0, 3), "doctor": (0, 1), "evaluate": (0,)}


def commands(page: Path) -> list[str]:
    """Return the commands that a page shows, without their remarks."""
    lines = (line for block in BLOCK.findall(page.read_text()) for line in block.splitlines() if line.startswith("$ "))
    return [re.sub(r"\s+# .*$", "", line[2:]).removeprefix(".venv/bin/").removesuffix(" &") for line in lines]


def meant(command: str, home: Path) -> list[str]:
    """Return a command's words as they are meant here."""
    words = []
    for word in shlex.split(command):
        for shown, here in STANDS_FOR.items():
            word = re.sub(rf"(?<![\w/-]){re.escape(shown)}(?![\w-])", here, word)
        words.append(word.replace("~", str(home)))
    return words


@pytest.fixture(scope="module")
def site(loop: Loop, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A copy of the loop's installation, beside a home with another site's images: all pages are gone through in it."""
    place = tmp_path_factory.mktemp("manual")
    write_phantoms(place / "home" / "other", n=40, seed=11)
    site = copy_installation(loop.installation, place / "site")
    for table in (site.root / "confirmed.csv", place / "home" / "labels.csv"):
        table.write_text("request_id,label\n")
    decide_on("phantom-cxr", 1, "approve", "Dr. A. Reader", "read the report", site.settings)
    deploy("phantom-cxr", site.settings)
    return site


# A restored backup takes MLflow's database from under this process: that page comes last.
_IN_ORDER = sorted([*DOCS.glob("*.md"), ROOT / "README.md"], key=lambda page: (page.stem == "operations", page.name))
PAGES = [page for page in _IN_ORDER if commands(page)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_a_page_is_run(page: Path, site: Installation) -> None:
    home = site.root.parent / "home"
    for command in commands(page):
        said = f"{page.name}: {command}"
        if (file := next((file for start, file in ELSEWHERE.items() if command.startswith(start)), None)) is not None:
            assert (ROOT / file).is_file(), said
        elif command.startswith("radloop "):
            run(site, meant(command.partition(">")[0], home)[1:], said)
        else:
            in_shell(site, command, home, said)


def run(site: Installation, words: list[str], said: str) -> None:
    """Run a command of ours in this process."""
    for code in RESULTS.get(words[0], (0,)):
        try:
            site.call(*(word for word in words if word != "--json"), check=code)
        except AssertionError as error:
            last = error
        else:
            return
    raise AssertionError(said) from last


def in_shell(site: Installation, command: str, home: Path, said: str) -> None:
    """Run anything else as the reader would."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", command],
        cwd=site.root,
        env=site.environment | {"PATH": path, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{said}\n{done.stdout[-500:]}\n{done.stderr[-1500:]}"


def test_commands_that_are_run_elsewhere_are_still_shown() -> None:
    shown = [command for page in PAGES for command in commands(page)]
    assert [start for start in ELSEWHERE if not any(command.startswith(start) for command in shown)] == []


def test_the_manual_is_built(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(
        build, cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "site" / "engineers.html").read_text()
    assert "From images to a candidate" in page or "from images to a candidate" in page
    assert not re.search(r'(?:src|href)="https?://(?!squidfunk)[^"]*\.(?:js|css|woff2?)"', page)  # nothing is fetched to read it
