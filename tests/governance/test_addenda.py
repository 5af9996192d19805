"""Addenda: only added, each found again by its record, and whatever became of one is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from radloop.errors import IntegrityError
from radloop.governance.addenda import add_addendum, added_since, addenda_counts, addenda_file, read_addenda, recorded_seals
from radloop.governance.registry import Version
from radloop.governance.review import bundle_folder
from radloop.records.seal import canonical, seal
from radloop.settings import Settings

EVIDENCE = f"sha256:{'e' * 64}"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path, home=tmp_path / ".radloop")


def version(evidence: str = EVIDENCE) -> Version:
    return Version("phantom-cxr", 1, f"sha256:{'b' * 64}", evidence, "passed", "", "", None, {})


def place(settings: Settings) -> Path:
    return bundle_folder(version(), settings) / "addenda"


def test_each_comes_on_top_and_names_what_it_belongs_to(settings: Settings) -> None:
    assert read_addenda(version(), settings) == []
    first, second = (add_addendum(version(), {"kind": "external", "name": name}, settings) for name in ("A", "B"))
    assert [one["seal"] for one in read_addenda(version(), settings)] == [first["seal"], second["seal"]]
    assert [first["number"], second["number"]] == [1, 2]
    assert (first["bundle"], first["evidence"], first["name"]) == (version().bundle, EVIDENCE, "A")
    assert first == seal(first)
    assert (place(settings) / "0001.json").read_bytes() == canonical(first)
    assert recorded_seals(version(), settings) == [first["seal"], second["seal"]]
    assert addenda_counts(settings) == {EVIDENCE: 2}


def test_those_of_other_evidence_are_not_its_own(settings: Settings) -> None:
    other = version(f"sha256:{'f' * 64}")
    add_addendum(version(), {"name": "A"}, settings)
    added = add_addendum(other, {"name": "B"}, settings)
    assert [one["name"] for one in read_addenda(version(), settings)] == ["A"]
    assert [one["seal"] for one in read_addenda(other, settings)] == [added["seal"]]
    assert added["number"] == 2  # files of one bundle share a folder


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _seal_anew(path: Path) -> None:
    path.write_bytes(canonical(seal({"name": "better"})))


@pytest.mark.parametrize(
    ("spoil", "code"), [(_flip, "tampered_addendum"), (_seal_anew, "tampered_addendum"), (Path.unlink, "missing_addendum")]
)
def test_what_became_of_one_is_named(settings: Settings, spoil: Callable[[Path], None], code: str) -> None:
    add_addendum(version(), {"name": "A"}, settings)
    spoil(place(settings) / "0001.json")
    with pytest.raises(IntegrityError, match=r"^addendum: 0001\.json") as caught:
        read_addenda(version(), settings)
    assert caught.value.code == code


def test_a_file_that_the_record_does_not_have_is_none(settings: Settings) -> None:
    sealed = add_addendum(version(), {"name": "A"}, settings)
    (place(settings) / "0002.json").write_bytes(canonical(seal({**sealed, "name": "put there"})))
    with pytest.raises(IntegrityError, match=r"0002\.json is not in the record"):
        read_addenda(version(), settings)
    (place(settings) / "0002.json").unlink()
    _flip(addenda_file(settings))
    with pytest.raises(IntegrityError, match=r"addenda\.jsonl breaks the chain"):
        read_addenda(version(), settings)


def test_killed_before_the_record_nothing_was_added_and_after_it_everything(settings: Settings) -> None:
    folder = place(settings)
    folder.mkdir(parents=True)
    (folder / ".0001.pending").write_bytes(canonical(seal({"name": "never recorded"})))
    assert read_addenda(version(), settings) == []
    added = add_addendum(version(), {"name": "A"}, settings)
    assert added["number"] == 1
    (folder / "0001.json").rename(folder / ".0001.pending")  # as a kill between record and rename leaves it
    assert read_addenda(version(), settings) == [added]
    assert [path.name for path in folder.iterdir()] == ["0001.json"]


def test_what_a_decision_was_not_made_over(settings: Settings) -> None:
    first = add_addendum(version(), {"name": "A"}, settings)
    second = add_addendum(version(), {"name": "B"}, settings)
    assert added_since(version(), None, settings) == [first, second]
    assert added_since(version(), {"decision": "approve"}, settings) == [first, second]
    assert added_since(version(), {"addenda": [first["seal"]]}, settings) == [second]
    assert added_since(version(), {"addenda": [first["seal"], second["seal"]]}, settings) == []


def test_an_addendum_that_a_decision_names_is_missed_though_record_and_file_are_gone(settings: Settings) -> None:
    added = add_addendum(version(), {"name": "A"}, settings)
    (place(settings) / "0001.json").unlink()
    addenda_file(settings).unlink()
    assert read_addenda(version(), settings) == []
    with pytest.raises(IntegrityError, match=added["seal"][:19]) as caught:
        added_since(version(), {"addenda": [added["seal"]]}, settings)
    assert caught.value.code == "missing_addendum"
