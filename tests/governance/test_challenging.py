"""Who may stand beside a champion: what the gate passed as a shadow, what a person approved as a canary."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Loop
from installations import Installation, copy_installation

from radloop.errors import InputError, IntegrityError, Refusal, ToolError
from radloop.governance import challenging
from radloop.governance.decisions import decisions
from radloop.governance.deployment import deploy
from radloop.governance.registry import Registry
from radloop.governance.review import bundle_folder, decide_on
from radloop.inference.bundle import CONTENT, FACTS, read_facts
from radloop.inference.challenger import Challenger, read_challenger, replace_challenger, seat
from radloop.inference.pointer import Pointer, read_pointer, replace_pointer
from radloop.inference.workers import Worker, workers_folder
from radloop.records.answers import AnswerRecord, answers_folder, shadow_folder
from radloop.records.seal import canonical, digest_folder
from radloop.settings import Settings
from tests.recorded import answer_payload, scored

UC, BY, NOTE = "phantom-cxr", "Dr. A. Reader", "read the report"


def champion_beside(settings: Settings, change: Callable[[dict[str, Any]], None]) -> Pointer:
    """Serve another bundle: the candidate's files with other facts."""
    folder = bundle_folder(Registry(UC, settings).version(1), settings)
    staged = folder.with_name("staged")
    shutil.copytree(folder / CONTENT, staged / CONTENT)
    facts = json.loads((staged / CONTENT / FACTS).read_bytes())
    change(facts)
    (staged / CONTENT / FACTS).write_bytes(canonical(facts))
    digest = digest_folder(staged / CONTENT)
    staged.rename(folder.with_name(digest.removeprefix("sha256:")))
    pointer = Pointer(use_case=UC, bundle=digest, version=9)
    replace_pointer(settings.bundles, pointer)
    return pointer


def renamed(facts: dict[str, Any]) -> None:
    facts["title"] = "The one before"


def relabelled(facts: dict[str, Any]) -> None:
    facts["labels"]["negative"] = "clear"


@pytest.fixture
def site(loop: Loop, tmp_path: Path) -> Installation:
    return copy_installation(loop.installation, tmp_path / "site")


@pytest.fixture
def settings(site: Installation) -> Settings:
    champion_beside(site.settings, renamed)
    return site.settings


def code_of(caught: pytest.ExceptionInfo[Refusal]) -> str:
    return caught.value.code


def test_a_candidate_becomes_a_shadow_then_a_canary_and_the_record_says_so(site: Installation, settings: Settings) -> None:
    begun = site.call("challenger", "shadow", UC)
    assert (begun["version"], begun["mode"], begun["share"], begun["champion"], begun["workers"]) == (1, "shadow", None, 9, 0)
    assert site.call("challenger", "canary", UC, "--share", "0.1", check=3)["error"]["code"] == "not_approved"
    found = read_challenger(settings.bundles, UC)
    assert found is not None and found.mode == "shadow"  # a canary that may not be leaves what is there
    decide_on(UC, 1, "approve", BY, NOTE, settings)
    begun = site.call("challenger", "canary", UC, "--share", "0.1")
    assert (begun["mode"], begun["share"]) == ("canary", 0.1)
    ended = site.call("challenger", "end", UC)
    assert (ended["version"], ended["mode"]) == (1, "canary")
    assert site.call("challenger", "end", UC, check=3)["error"]["code"] == "no_challenger"
    said = [(one["decision"], one.get("share")) for one in decisions(settings, UC)]
    assert said == [("shadow", None), ("approve", None), ("canary", 0.1), ("challenger ended", None)]
    log = site.run("review", "log", UC, check=0).stdout
    assert f"{UC} 1: canary for 10% of the requests" in log


def test_a_comparison_is_an_addendum_that_the_reviewer_reads(site: Installation, settings: Settings) -> None:
    site.call("challenger", "shadow", UC)
    served, mine = read_pointer(settings.bundles, UC), read_challenger(settings.bundles, UC)
    assert served is not None and mine is not None
    later = {"use_case": UC, "time": "2100-01-01T00:00:00.000+00:00"}
    for folder, pointer, low in ((answers_folder(settings), served, 0.1), (shadow_folder(settings), mine, 0.9)):
        record, model = AnswerRecord(folder), {"version": pointer.version, "bundle": pointer.bundle}
        for number in range(4):
            record.append(answer_payload(number, model=model, **later) | scored(low if number == 3 else 0.8))
        record.close()
    found = site.call("challenger", "compare", UC, "--record")
    assert (found["pairs"], found["findings"][found_label(settings)]["same"]["value"]) == (4, 0.75)
    shown = site.call("review", "show", UC, "1")
    (addendum,) = shown["addenda"]
    assert (addendum["seal"], addendum["kind"], addendum["says"]) == (found["addendum"], "shadow", found["says"])
    assert addendum["comparison"]["pairs"] == 4
    page = (bundle_folder(Registry(UC, settings).version(1), settings) / "report.html").read_text()
    assert "beside the champion, seen by nobody" in page and "decided alike in 75.0% of them" in page
    assert "decided alike in 75.0% of them" in site.run("review", "show", UC, "1", check=0).stdout
    # Whoever approves now has decided over it.
    assert decide_on(UC, 1, "approve", BY, NOTE, settings)["addenda"] == [found["addendum"]]


def found_label(settings: Settings) -> str:
    return read_facts(bundle_folder(Registry(UC, settings).version(1), settings) / CONTENT).outputs[0]


def test_without_a_champion_or_with_the_champion_itself_nothing_begins(site: Installation) -> None:
    settings = site.settings
    with pytest.raises(Refusal, match="has no champion to stand beside") as caught:
        challenging.shadow(UC, settings)
    assert code_of(caught) == "no_champion"
    decide_on(UC, 1, "approve", BY, NOTE, settings)
    deploy(UC, settings)
    with pytest.raises(Refusal, match="is the champion itself") as caught:
        challenging.canary(UC, settings, 0.5, 1)
    assert code_of(caught) == "is_champion"
    with pytest.raises(InputError, match="above 0 and below 1, not 1"):
        challenging.canary(UC, settings, 1.0, 1)
    assert site.call("challenger", "shadow", "phantom-cxt", check=2)["error"]["code"] == "unknown_use_case"


def test_what_a_reviewer_or_the_gate_rejected_is_no_shadow(settings: Settings) -> None:
    challenging.shadow(UC, settings)
    decide_on(UC, 1, "reject", BY, "not this one", settings)
    assert read_challenger(settings.bundles, UC) is None  # a rejection takes it away at once
    with pytest.raises(Refusal, match="was rejected by") as caught:
        challenging.shadow(UC, settings, 1)
    assert code_of(caught) == "not_approved"


def test_another_question_is_no_challenger(site: Installation) -> None:
    champion_beside(site.settings, relabelled)
    with pytest.raises(Refusal, match="other labels or clinical values") as caught:
        challenging.shadow(UC, site.settings)
    assert code_of(caught) == "other_question"


@pytest.mark.parametrize("name", ["evidence.json", f"{CONTENT}/model.bin"])
def test_what_was_edited_by_one_byte_is_no_shadow(settings: Settings, name: str) -> None:
    path = bundle_folder(Registry(UC, settings).version(1), settings) / name
    path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))
    with pytest.raises(IntegrityError):
        challenging.shadow(UC, settings)
    assert read_challenger(settings.bundles, UC) is None


def test_another_champion_ends_what_stood_beside_the_old_one(settings: Settings) -> None:
    challenging.shadow(UC, settings)
    decide_on(UC, 1, "approve", BY, NOTE, settings)
    deploy(UC, settings)
    assert read_challenger(settings.bundles, UC) is None


def test_a_worker_that_refuses_leaves_what_stood_there(settings: Settings) -> None:
    before = Challenger(use_case=UC, bundle=f"sha256:{'a' * 64}", version=7, mode="shadow", since="2026-11-22T09:00:00+00:00")
    replace_challenger(settings.bundles, before)
    worker = Worker(workers_folder(settings.place))
    bundle = Registry(UC, settings).version(1).bundle
    worker.refuse(seat(UC, "shadow"), bundle, ToolError("load_failed", "the bundle could not be loaded"))
    with pytest.raises(Refusal, match="a worker refused version 1") as caught:
        challenging.shadow(UC, settings)
    assert code_of(caught) == "worker_refused"
    assert read_challenger(settings.bundles, UC) == before
    worker.acknowledge(seat(UC, "shadow"), bundle)
    assert challenging.shadow(UC, settings).workers == 1
    worker.close()
