"""One patient out of everything: folders, every version, cache, remote, caches; and the record that it was done."""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from data_folders import Image, fill_folder
from installations import Installation, make_installation

from radloop.data import erasure, versions
from radloop.data.erasure import Erased, erase
from radloop.data.manifest import read_manifest
from radloop.data.objects import Objects, digest, folder_listing, object_name
from radloop.data.remainder import reduced_manifest, reduced_notes
from radloop.data.restore import restore
from radloop.data.store_index import Known, StoreIndex
from radloop.data.versions import DataVersion
from radloop.errors import IntegrityError, Refusal, ToolError
from radloop.records import erasures
from radloop.records.answers import AnswerRecord, answers_folder, check_segments, find, shadow_folder
from radloop.records.feedback import feedback_folder
from radloop.settings import Settings

UC = "phantom-cxr"
NAMES = [UC, "tb-cxr"]
GONE, STAYS = "P00000000000000a1", "P00000000000000b2"
KEY = b"a key"


@dataclass(frozen=True)
class Site:
    """An installation with three versions: the patient with one image, without any, with two; the last one stands."""

    root: Path
    pins: list[DataVersion]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    settings = make_installation(tmp_path_factory.mktemp("pinned") / "site").settings
    fill_folder(UC, [Image(b"gone 1", GONE), Image(b"stays 1", STAYS)], settings)
    first = versions.pin(UC, settings)
    fill_folder(UC, [Image(b"stays 1", STAYS)], settings)
    without = versions.pin(UC, settings)
    images = [Image(b"gone 1", GONE), Image(b"stays 1", STAYS), Image(b"gone 2", GONE, split="test"), Image(b"stays 2", STAYS)]
    ids = fill_folder(UC, images, settings)
    leaks = [{"kind": "near_duplicate", "rows": [ids[0], ids[2]]}, {"kind": "identical", "rows": [ids[1], ids[3]]}]
    fill_folder(UC, images, settings, leaks)
    return Site(settings.root, [first, without, versions.pin(UC, settings)])


@pytest.fixture
def pins(site: Site) -> list[DataVersion]:
    return site.pins


@pytest.fixture
def settings(site: Site, tmp_path: Path) -> Settings:
    """A copy of the installation: every test erases its own."""
    shutil.copytree(site.root, tmp_path / "site")
    return Installation(tmp_path / "site").settings


@pytest.fixture
def empty(installation: Installation) -> Settings:
    return installation.settings


def stored(settings: Settings) -> list[bytes]:
    """Return the bytes of every file of data, cache and remote."""
    places = (settings.data, settings.place / "dvc" / "cache", settings.place / "dvc" / "remote")
    return [path.read_bytes() for place in places for path in place.rglob("*") if path.is_file()]


def done(settings: Settings, patient: str = GONE) -> Erased:
    result = erase(patient, NAMES, KEY, settings)
    assert result is not None
    return result


def test_no_byte_of_the_patient_is_left(settings: Settings, pins: list[DataVersion]) -> None:
    before = b"".join(stored(settings))
    assert b"gone 1" in before
    assert GONE.encode() in before
    result = done(settings)
    after = b"".join(stored(settings))
    for trace in (b"gone 1", b"gone 2", GONE.encode(), digest(b"gone 1").encode(), digest(b"gone 2").encode()):
        assert trace not in after
    assert (after.count(b"stays 1"), after.count(b"stays 2")) == (3, 3)  # folder, cache and remote
    assert (result.counts["rows"], result.counts["files"], result.counts["versions"], result.shared) == (2, 2, 2, 0)
    # Of each of two versions a listing and a manifest, one leaks.json, and two images: in cache and remote alike.
    assert (result.counts["cache_objects"], result.counts["remote_objects"]) == (7, 7)
    assert result.use_cases == [UC]
    assert set(result.versions) == {pins[0].version, pins[2].version}


def test_the_folder_is_pinned_anew_and_what_is_left_is_a_version(settings: Settings, pins: list[DataVersion]) -> None:
    rests = done(settings).versions
    now = versions.checked(UC, settings)
    assert now.version == rests[pins[2].version]
    assert list(read_manifest(settings.data / UC)["patient"]) == [STAYS, STAYS]
    leaks = json.loads((settings.data / UC / "leaks.json").read_text())["leaks"]
    assert [leak["kind"] for leak in leaks] == ["identical"]
    assert sorted(path.name for path in (settings.data / UC).iterdir()) == ["images", "leaks.json", "manifest.parquet"]
    # The first version without the patient is what the second had been all along.
    assert rests[pins[0].version] == pins[1].version


def test_a_touched_version_is_restored_only_when_asked_by_name(settings: Settings, pins: list[DataVersion]) -> None:
    rests = done(settings).versions
    with pytest.raises(Refusal) as caught:
        restore(UC, pins[2], settings)
    assert caught.value.code == "version_erased"
    assert "--erased" in caught.value.hint
    found = restore(UC, pins[0], settings, erased=True)
    assert (found.asked, found.data_version) == (pins[0].version, rests[pins[0].version])
    assert list(read_manifest(settings.data / UC)["patient"]) == [STAYS]
    assert restore(UC, pins[1], settings).data_version == pins[1].version  # never touched


def test_versions_that_only_the_remote_has_are_cleaned_too(tmp_path: Path, settings: Settings, pins: list[DataVersion]) -> None:
    """An installation that never fetched the data: it has data.dvc and the remote."""
    fresh = make_installation(tmp_path / "fresh").settings.model_copy(
        update={"dvc_remote": str(settings.place / "dvc" / "remote")}
    )
    (fresh.root / "data.dvc").write_bytes((settings.root / "data.dvc").read_bytes())
    result = done(fresh)
    assert result.counts["remote_objects"] == 7
    pinned = versions.pinned(UC, fresh)
    assert pinned is not None
    assert pinned.version == result.versions[pins[2].version]
    assert not (fresh.data / UC).exists()
    versions.checked(UC, fresh)  # fetches what is left
    assert list(read_manifest(fresh.data / UC)["patient"]) == [STAYS, STAYS]


def test_bytes_that_another_patient_has_too_stay_and_are_counted(empty: Settings) -> None:
    settings = empty
    fill_folder(UC, [Image(b"twins", GONE), Image(b"twins", STAYS), Image(b"gone 1", GONE)], settings)
    versions.pin(UC, settings)
    result = done(settings)
    assert (result.shared, result.counts["files"]) == (1, 2)
    frame = read_manifest(settings.data / UC)
    assert (list(frame["patient"]), (settings.data / UC / frame["path"][0]).read_bytes()) == ([STAYS], b"twins")
    versions.checked(UC, settings)
    assert b"gone 1" not in b"".join(stored(settings))


def test_caches_index_and_pages_go(settings: Settings, pins: list[DataVersion]) -> None:
    pixels = settings.place / "cache" / "pixels"
    pixels.mkdir(parents=True)
    (pixels / f"{UC}-0123.npy").write_bytes(b"pixels")
    (pixels / "tb-cxr-0123.npy").write_bytes(b"another use case's")
    page = settings.place / "gx" / "page.html"
    page.parent.mkdir()
    page.write_text(f"rows {digest(b'x')}, {read_manifest(settings.data / UC)['id'][0]}")
    (settings.place / "gx" / "other.html").write_text("rows of others")
    index = settings.place / "ingest" / UC / "index.sqlite"
    with StoreIndex(index, KEY) as opened:
        for patient, word in ((GONE, "g"), (STAYS, "s")):
            known = Known("stamp", "recipe", {"images": [{"id": word}]})
            opened.keep([(word, patient, known, {word: np.zeros((64, 64), np.uint8)})])
    result = done(settings)
    assert [path.name for path in pixels.iterdir()] == ["tb-cxr-0123.npy"]
    assert [path.name for path in page.parent.iterdir()] == ["other.html"]
    assert (result.counts["indexed"], result.counts["caches"]) == (1, 2)
    with StoreIndex(index, KEY) as opened:
        assert (list(opened.known()), list(opened.thumbnails())) == (["s"], ["s"])


def test_a_patient_whom_only_the_index_knows_is_forgotten(settings: Settings, pins: list[DataVersion]) -> None:
    index = settings.place / "ingest" / UC / "index.sqlite"
    with StoreIndex(index, KEY) as opened:
        opened.keep([("s", "P00000000000000c3", Known("", "", {}), {})])
    before = folder_listing(settings.data / UC)
    assert done(settings, "P00000000000000c3").counts["indexed"] == 1
    with sqlite3.connect(index) as database:
        assert database.execute("select count(*) from stored").fetchone() == (0,)
    assert folder_listing(settings.data / UC) == before


def test_a_dry_run_says_what_would_go_and_touches_nothing(settings: Settings, pins: list[DataVersion]) -> None:
    def everything() -> dict[str, bytes]:
        kept = (settings.data, settings.place / "dvc" / "cache", settings.place / "dvc" / "remote", settings.place / "records")
        return {str(path): path.read_bytes() for place in kept for path in place.rglob("*") if path.is_file()}

    before = everything()
    result = erase(GONE, NAMES, KEY, settings, dry_run=True)
    assert result is not None
    assert result.dry_run
    assert (result.counts["rows"], result.counts["files"], result.counts["objects"]) == (2, 2, 7)
    assert everything() == before
    assert done(settings).versions == result.versions


def test_answers_shadows_and_feedback_of_the_patient_are_blanked(settings: Settings, pins: list[DataVersion]) -> None:
    folders = [answers_folder(settings), shadow_folder(settings), feedback_folder(settings)]
    for folder in folders:
        record = AnswerRecord(folder)
        for patient in (GONE, STAYS):
            record.append({"kind": "answer", "request_id": f"of {patient}", "patient": patient})
        record.close()
    assert done(settings).counts["answers"] == 3
    assert [find(f"of {GONE}", folder) for folder in folders] == [None, None, None]
    assert all(find(f"of {STAYS}", folder) is not None and check_segments(folder) == 2 for folder in folders)


def test_the_record_names_nobody_and_a_second_time_reads_it(settings: Settings, pins: list[DataVersion]) -> None:
    first = done(settings)
    text = erasures.erasures_file(settings).read_text()
    assert GONE not in text
    assert GONE[1:] not in text
    entries = erasures.erasures_of(erasures.keyed_hash(KEY, GONE), settings)
    assert [entry["event"] for entry in entries] == ["begun", "done"]
    assert entries[1]["versions"] == first.versions
    assert entries[1]["use_cases"] == [UC]
    again = done(settings)
    assert again.already
    assert (again.versions, again.counts["rows"]) == (first.versions, 2)
    assert len(erasures.erasures_of(again.patient, settings)) == 2
    assert erase("P00000000000000ff", NAMES, KEY, settings) is None
    assert not (settings.place / "records" / "erasing").exists() or not list((settings.place / "records" / "erasing").iterdir())


def test_two_patients_one_after_the_other(settings: Settings, pins: list[DataVersion]) -> None:
    done(settings)
    done(settings, STAYS)
    assert not any(b"stays" in content or STAYS.encode() in content for content in stored(settings))
    found = restore(UC, pins[0], settings, erased=True)
    assert len(read_manifest(settings.data / UC)) == 0
    assert found.data_version == erasures.remainder(pins[0].version, settings) != pins[1].version


def test_a_patient_who_is_ingested_again_makes_the_version_whole(
    settings: Settings, pins: list[DataVersion], tmp_path: Path
) -> None:
    done(settings)
    fill_folder(UC, [Image(b"gone 1", GONE), Image(b"stays 1", STAYS)], settings)
    assert versions.pin(UC, settings).version == pins[0].version
    fresh = make_installation(tmp_path / "fresh").settings.model_copy(
        update={"dvc_remote": str(settings.place / "dvc" / "remote")}
    )
    # What DVC remembers of a remote must not hide that the objects had gone from it.
    assert restore(UC, pins[0], fresh).files == 4
    assert restore(UC, pins[0], settings).data_version == pins[0].version


def test_what_somebody_changed_by_hand_is_not_pinned_in_passing(settings: Settings, pins: list[DataVersion]) -> None:
    (settings.data / UC / "images" / "by-hand.png").write_bytes(b"?")
    with pytest.raises(IntegrityError) as caught:
        erase(GONE, NAMES, KEY, settings)
    assert caught.value.code == "data_changed"
    assert b"gone 1" in b"".join(stored(settings))


@pytest.mark.parametrize(
    ("where", "step", "when"),
    [
        (erasure, "_write_rests", "before"),
        (erasure, "_write_rests", "after"),
        (versions, "pin", "before"),
        (versions, "pin", "after"),
        (Objects, "remove", "after"),
        (erasure, "_clear_pages", "before"),
    ],
)
def test_killed_at_any_step_the_same_command_completes(
    settings: Settings, pins: list[DataVersion], monkeypatch: pytest.MonkeyPatch, where: object, step: str, when: str
) -> None:
    whole = getattr(where, step)

    def killed(*args: object) -> object:
        if when == "after":
            whole(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(where, step, killed)
    with pytest.raises(KeyboardInterrupt):
        erase(GONE, NAMES, KEY, settings)
    monkeypatch.undo()
    with pytest.raises(Refusal) as caught:
        restore(UC, pins[0], settings)  # refused from the moment that it began
    assert caught.value.code == "version_erased"
    assert not done(settings).already
    after = b"".join(stored(settings))
    assert not any(trace in after for trace in (b"gone 1", b"gone 2", GONE.encode(), digest(b"gone 1").encode()))
    assert list(read_manifest(settings.data / UC)["patient"]) == [STAYS, STAYS]
    versions.checked(UC, settings)
    assert done(settings).already


def test_a_remote_that_refuses_leaves_the_work_to_the_next_time(
    settings: Settings, pins: list[DataVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Objects, "remove", lambda *_: (_ for _ in ()).throw(ToolError("remote_failed", "the remote: gone", "")))
    with pytest.raises(ToolError):
        erase(GONE, NAMES, KEY, settings)
    monkeypatch.undo()
    assert (settings.place / "dvc" / "remote" / object_name(digest(b"gone 1"))).is_file()
    assert not done(settings).already
    assert b"gone 1" not in b"".join(stored(settings))


def test_a_reduced_manifest_is_what_ingest_would_have_written(empty: Settings) -> None:
    settings = empty
    fill_folder(UC, [Image(b"1", STAYS), Image(b"2", GONE), Image(b"3", STAYS)], settings)
    path = settings.data / UC / "manifest.parquet"
    reduced = reduced_manifest(path.read_bytes(), GONE)
    assert reduced is not None
    fill_folder(UC, [Image(b"1", STAYS), Image(b"3", STAYS)], settings)
    assert reduced.content == path.read_bytes()
    assert reduced_manifest(reduced.content, GONE) is None


def test_notes_lose_the_members_that_name_a_row() -> None:
    document = {"leaks": [{"rows": ["a", "b"]}, {"rows": ["b", "c"]}], "by_id": {"a": 1, "b": 2}, "first": "a", "n": 2}
    content = json.dumps(document).encode()
    reduced = reduced_notes(content, {"a"})
    assert reduced is not None
    assert json.loads(reduced) == {"leaks": [{"rows": ["b", "c"]}], "by_id": {"b": 2}, "first": None, "n": 2}
    assert reduced_notes(content, {"absent"}) is None
    assert reduced_notes(b"not json: a", {"a"}) == b""
