"""Requests in MLflow: with keys off they decide, with keys on they wait for a signature."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from conftest import Loop
from installations import copy_installation

from radloop.governance.decisions import decisions, last_decision
from radloop.governance.key_file import make_key
from radloop.governance.keys import list_key
from radloop.governance.registry import Registry
from radloop.governance.requests import PENDING, sync, understood
from radloop.governance.review import decide_on
from radloop.governance.watching import Watcher, due
from radloop.settings import Settings

UC = "phantom-cxr"


@pytest.fixture
def settings(loop: Loop, tmp_path: Path) -> Settings:
    """The settings of a copy of the loop's installation."""
    return copy_installation(loop.installation, tmp_path / "site").settings


def ask(settings: Settings, text: str) -> None:
    """Set the tag, as MLflow's page does."""
    Registry(UC, settings).tag(1, {"radloop.review": text})


def pending(settings: Settings) -> str | None:
    return Registry(UC, settings).version(1).tags.get(PENDING)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("approve: read the report", ("approve", "read the report")),
        (" Reject :worse: at site B\n", ("reject", "worse: at site B")),
        ("approve", None),
        ("approve: ", None),
        ("aprove: yes", None),
        ("please approve: yes", None),
        ("", None),
    ],
)
def test_what_a_tag_asks_for(text: str, meaning: tuple[str, str] | None) -> None:
    assert understood(text) == meaning


def test_with_keys_off_the_request_decides_once_under_an_unverified_name(settings: Settings) -> None:
    assert sync(settings) == []
    ask(settings, "approve: read the report")
    assert [(one.version, one.outcome) for one in sync(settings, UC)] == [(1, "decided")]
    assert sync(settings) == []
    last = last_decision(settings, UC, 1)
    assert last is not None
    assert (last["by"], last["note"], last["verified"]) == ("MLflow page", "read the report", False)
    tags = Registry(UC, settings).version(1).tags
    assert tags["radloop.review_by"] == "MLflow page (unverified name)"
    ask(settings, "reject: second thoughts")
    assert [one.outcome for one in sync(settings)] == ["decided"]
    assert Registry(UC, settings).aliases() == {}
    assert [entry["decision"] for entry in decisions(settings)] == ["approve", "reject"]


def test_what_is_not_understood_or_refused_says_so_on_the_page_and_decides_nothing(settings: Settings) -> None:
    ask(settings, "LGTM")
    assert [one.outcome for one in sync(settings)] == ["refused"]
    assert "not understood" in (pending(settings) or "")
    assert sync(settings, retry=False) == []
    evidence = next(settings.bundles.glob(f"{UC}/*/evidence.json"))
    whole = evidence.read_bytes()
    evidence.write_bytes(whole.replace(b"auroc", b"AUROC", 1))
    ask(settings, "approve: read")
    assert [one.outcome for one in sync(settings, retry=False)] == ["refused"]
    assert "evidence.json is not what was sealed" in (pending(settings) or "")
    assert sync(settings, retry=False) == []
    assert list(decisions(settings)) == []
    evidence.write_bytes(whole)
    assert [one.outcome for one in sync(settings)] == ["decided"]  # the command tries again
    assert pending(settings) is None


def test_with_keys_on_it_waits_for_a_signature(settings: Settings) -> None:
    list_key("Dr. A", make_key("Dr. A", "correct horse").public, "reviewer", None, settings)
    ask(settings, "approve: read")
    for _ in range(2):
        assert [one.outcome for one in sync(settings)] == ["pending"]
    bundle = Registry(UC, settings).version(1).bundle.removeprefix("sha256:")
    assert pending(settings) == f"sign at http://127.0.0.1:3100/{UC}/{bundle}"
    assert last_decision(settings, UC, 1) is None


def test_an_approval_is_deployed_by_itself_only_where_the_use_case_says_so(settings: Settings) -> None:
    started: list[tuple[str, int]] = []
    lines: list[str] = []
    watcher = Watcher(settings, lambda use_case, version, _: started.append((use_case, version)), lines.append)
    ask(settings, "approve: read")
    watcher.look()
    assert started == []  # the shipped use case waits for `radloop deploy`
    path = settings.root / "configs" / "use_cases" / f"{UC}.yaml"
    config = yaml.safe_load(path.read_text())
    config["review"]["deploy_on_approval"] = True
    path.write_text(yaml.safe_dump(config))
    for _ in range(2):
        watcher.look()
    assert started == [(UC, 1)]
    assert [line.rpartition(": ")[2] for line in lines] == [
        "approve by MLflow page (unverified name)",
        "approved by MLflow page (unverified name); deploying",
    ]
    assert [entry["version"] for entry in due(settings)] == [1]
    decide_on(UC, 1, "reject", "Dr. B", "no", settings)
    assert list(due(settings)) == []
