"""External validation: another site's data are judged by the code that serves, and train nothing."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Loop
from installations import Installation, copy_installation
from pydicom import dcmread
from sklearn.metrics import accuracy_score, roc_auc_score

from radloop.configuration import load_use_case
from radloop.data.manifest import read_manifest
from radloop.data.phantoms import write_phantoms
from radloop.data.places import index_path
from radloop.data.pseudonym_key import pseudonym_key
from radloop.errors import InputError
from radloop.governance.external import judged_as, with_mapping
from radloop.governance.registry import Registry, Version
from radloop.governance.review import bundle_folder, read_evidence
from radloop.images.pseudonym import pseudonym
from radloop.inference.predictor import Predictor
from radloop.records import erasures

UC, SEED, N = "phantom-cxr", 77, 36
Row = dict[str, str]


@dataclass(frozen=True)
class Judged:
    """A site on which a foreign cohort was judged.

    Attributes:
        clean: the rows of the cohort that may be judged, in the order of the table.
        before: what was pinned, indexed and remembered before.
    """

    site: Installation
    source: Path
    clean: list[Row]
    document: dict[str, Any]
    before: dict[str, str]

    @property
    def version(self) -> Version:
        """Return the version that was judged."""
        return Registry(UC, self.site.settings).version(1)

    @property
    def addendum(self) -> dict[str, Any]:
        """Return the first addendum as its file has it."""
        return json.loads((bundle_folder(self.version, self.site.settings) / "addenda" / "0001.json").read_bytes())


def rows_of(source: Path) -> list[Row]:
    with (source / "manifest.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def write_rows(source: Path, rows: list[Row]) -> None:
    with (source / "manifest.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def plant(source: Path, own: Path) -> list[Row]:
    """Add what must not be judged to a cohort, one of each, and return the rows that stay."""
    rows, train = rows_of(source), [row for row in rows_of(own) if row["split"] == "train"]
    gone = rows[3]["patient"]  # was erased here
    other = {**train[0], "patient": "SOMEBODY-ELSE"}
    shutil.copyfile(own / train[0]["path"], source / "images" / "same.dcm")
    brighter = dcmread(own / train[1]["path"])
    brighter.PixelData = (brighter.pixel_array * 0.98).astype(brighter.pixel_array.dtype).tobytes()
    brighter.save_as(source / "images" / "near.dcm")
    foreign = dcmread(source / rows[4]["path"])
    foreign.Modality = "MG"
    foreign.save_as(source / "images" / "modality.dcm")
    (source / "images" / "broken.dcm").write_bytes(b"no image")
    clean = [row for row in rows if row["patient"] not in (gone, rows[-1]["patient"])]
    rows = [row | {"patient": train[2]["patient"]} if row["patient"] == rows[-1]["patient"] else row for row in rows]
    added = [
        other | {"path": "images/same.dcm"},
        {**train[1], "patient": "ANOTHER", "path": "images/near.dcm"},
        rows[4] | {"path": "images/modality.dcm"},
        rows[5] | {"path": "images/broken.dcm"},
    ]
    write_rows(source, [*rows, *added])
    return clean


def state(site: Installation) -> dict[str, str]:
    """Return digests of what training reads."""
    files = [site.root / "data.dvc", site.root / "data" / UC / "manifest.parquet"]
    files += sorted((site.root / ".radloop" / "ledger").rglob("*.sqlite"))
    return {str(path.relative_to(site.root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def cohort(loop: Loop, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Row]]:
    source = tmp_path_factory.mktemp("foreign") / "source"
    write_phantoms(source, n=N, seed=SEED, plant=["site-shift"])
    return source, plant(source, loop.source)


@pytest.fixture(scope="module")
def judged(loop: Loop, cohort: tuple[Path, list[Row]], tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """A copy of the loop's installation, its candidate judged once; tests that change it copy it."""
    source, clean = cohort
    site = copy_installation(loop.installation, tmp_path_factory.mktemp("judged") / "site")
    key = pseudonym_key(load_use_case(UC, site.settings), site.settings)
    gone = erasures.keyed_hash(key, pseudonym(key, rows_of(source)[3]["patient"]))
    erasures.remember("done", {"patient": gone, "use_cases": [], "versions": {}, "counts": {}}, site.settings)
    before = state(site)
    document = site.call("evaluate", f"{UC}@candidate", "--source", str(source), "--name", "site C")
    return Judged(site, source, clean, document, before)


@pytest.fixture
def site(judged: Judged, tmp_path: Path) -> Installation:
    return copy_installation(judged.site, tmp_path / "site")


def test_what_it_learnt_from_and_what_it_may_not_be_asked_about_is_left_out_and_counted(judged: Judged) -> None:
    rows = rows_of(judged.source)
    own = [row for row in rows if row["patient"] not in {clean["patient"] for clean in judged.clean}]
    erased = [row for row in own if row["patient"] == rows[3]["patient"]]
    known = [row for row in own if row["patient"].startswith("PHANTOM-5-")]
    assert judged.document["counts"] == {
        "files": len(rows),
        "images": len(rows) - len(erased) - 1,
        "judged": len(judged.clean),
        "patients": len({row["patient"] for row in judged.clean}),
        "left_out": {
            "erased": len(erased),
            "inadmissible:foreign_modality": 1,
            "learnt_from:identical": 1,
            "learnt_from:near_duplicate": 1,
            "learnt_from:patient": len(known),
            "unreadable:unknown_format": 1,
        },
        "in_test": 0,
        "not_compared": 0,
    }


def test_its_numbers_are_those_of_scikit_learn_on_the_answers_of_the_predictor(judged: Judged) -> None:
    predictor = Predictor(bundle_folder(judged.version, judged.site.settings), approved=False)
    answers = [
        predictor.predict(judged.source / row["path"], {"temperature": float(row["temperature"])} if row["temperature"] else {})
        for row in judged.clean
    ]
    truth = np.array([row["label"] == "opacity" for row in judged.clean])
    said = np.array([answer.findings[0].probability for answer in answers])
    positive = np.array([answer.findings[0].positive for answer in answers])
    metrics = judged.document["metrics"]
    assert metrics["auroc"]["value"] == pytest.approx(roc_auc_score(truth, said), abs=1e-12)
    assert metrics["accuracy"]["value"] == pytest.approx(accuracy_score(truth, positive), abs=1e-12)
    assert metrics["sensitivity"]["value"] == pytest.approx(positive[truth].mean(), abs=1e-12)
    women = np.array([dcmread(judged.source / row["path"], stop_before_pixels=True).PatientSex == "F" for row in judged.clean])
    row = next(row for row in judged.addendum["subgroups"] if (row["attribute"], row["value"]) == ("sex", "F"))
    assert (row["images"], row["positives"]) == (int(women.sum()), int(truth[women].sum()))
    assert row["metrics"]["auroc"]["value"] == pytest.approx(roc_auc_score(truth[women], said[women]), abs=1e-12)


def test_the_addendum_says_what_was_judged_by_what(judged: Judged, loop: Loop) -> None:
    addendum, evidence = judged.addendum, read_evidence(judged.version, judged.site.settings)
    assert addendum["seal"] == judged.document["addendum"]
    assert (addendum["kind"], addendum["name"], addendum["schema_version"]) == ("external", "site C", 1)
    assert (addendum["evidence"], addendum["bundle"]) == (evidence["seal"], evidence["bundle"]["digest"])
    assert addendum["policy"] == evidence["policy"]
    listing = [
        [row["path"], hashlib.md5((judged.source / row["path"]).read_bytes(), usedforsecurity=False).hexdigest(), row["label"]]
        for row in sorted(rows_of(judged.source), key=lambda row: row["path"])
    ]
    canonical = json.dumps(listing, separators=(",", ":"), ensure_ascii=False) + "\n"
    assert addendum["data"]["listing"] == f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"
    assert addendum["data"]["kept"] is False
    assert [reason["status"] for reason in addendum["reasons"]] == ["not_applicable", "passed", "not_applicable"]
    assert addendum["would_pass"] is True
    assert not any(row["patient"] in json.dumps(addendum) for row in rows_of(judged.source))
    (copy,) = (judged.site.settings.place / "mlflow").rglob("judgement/addenda/0001.json")
    assert json.loads(copy.read_bytes())["evidence"] == evidence["seal"]
    assert judged.version.tags["radloop.addenda"] == "1"


def test_nothing_of_it_reaches_what_trains(judged: Judged) -> None:
    assert state(judged.site) == judged.before
    assert not list((judged.site.settings.place / "external" / UC).glob("work*"))
    stored = {hashlib.sha256(path.read_bytes()).hexdigest() for path in judged.source.rglob("*.dcm")}
    manifest = read_manifest(judged.site.root / "data" / UC)
    assert not stored & set(manifest["sha256"])


def test_its_own_data_give_the_numbers_of_its_evidence(judged: Judged, loop: Loop, site: Installation) -> None:
    """Everything it learnt from goes, what is left is its own test, and the draws are the same."""
    found, evidence = site.call("evaluate", f"{UC}@1", "--source", str(loop.source)), read_evidence(judged.version, site.settings)
    splits = evidence["data"]["splits"]
    learnt = sum(splits[name]["images"] for name in ("train", "tune", "calibrate"))
    assert found["counts"]["left_out"] == {"learnt_from:identical": learnt}
    assert found["counts"]["in_test"] == found["counts"]["judged"] == splits["test"]["images"]
    assert (found["metrics"], found["population"]) == (evidence["metrics"], evidence["population"])
    assert found["number"] == 2


def test_the_same_data_again_are_there_already(site: Installation, judged: Judged) -> None:
    again = site.call("evaluate", f"{UC}@1", "--source", str(judged.source))
    assert (again["already"], again["addendum"], again["number"]) == (True, judged.document["addendum"], 1)
    assert judged.document["already"] is False


def test_the_data_behind_the_bundle_are_read_from_their_version_where_the_folder_has_moved_on(
    site: Installation, judged: Judged, tmp_path: Path
) -> None:
    manifest = read_manifest(site.root / "data" / UC)
    lost = manifest[manifest["split"] == "train"].head(4)  # the first two of them are planted
    with closing(sqlite3.connect(index_path(UC, site.settings))) as index, index:
        index.executemany("delete from thumbnails where id = ?", [(name,) for name in lost["id"]])
    for path in lost["path"]:
        (site.root / "data" / UC / path).unlink()
    source = some(judged, tmp_path, [f"images/{name}" for name in ("same.dcm", "near.dcm", "00001.dcm", "00002.dcm")])
    found = site.call("evaluate", f"{UC}@1", "--source", str(source))
    assert found["counts"]["left_out"] == {"learnt_from:identical": 1, "learnt_from:near_duplicate": 1}
    assert (found["counts"]["judged"], found["counts"]["not_compared"]) == (2, 0)


def some(judged: Judged, folder: Path, paths: list[str]) -> Path:
    """Return a source of some of the cohort's rows."""
    (folder / "some" / "images").mkdir(parents=True)
    rows = [row for row in rows_of(judged.source) if row["path"] in paths]
    for row in rows:
        shutil.copyfile(judged.source / row["path"], folder / "some" / row["path"])
    write_rows(folder / "some", rows)
    return folder / "some"


def test_equal_identifiers_may_be_other_people(site: Installation, judged: Judged, tmp_path: Path) -> None:
    paths = [row["path"] for row in rows_of(judged.source) if row["patient"].startswith("PHANTOM-5-")][:1]
    source = some(judged, tmp_path, [*paths, "images/00001.dcm"])
    apart = site.call("evaluate", f"{UC}@1", "--source", str(source), "--other-patients")
    assert (apart["counts"]["judged"], apart["counts"]["left_out"], apart["data"]["patients_compared"]) == (2, {}, False)


def test_killed_in_the_middle_the_same_command_ends_with_one_addendum(loop: Loop, judged: Judged, tmp_path: Path) -> None:
    site = copy_installation(loop.installation, tmp_path / "site")
    process = site.start("evaluate", f"{UC}@1", "--source", str(judged.source))
    assert process.stderr is not None
    while not process.stderr.readline().startswith("evaluate "):
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert site.call("review", "show", UC, "1")["addenda"] == []
    assert list((site.settings.place / "external" / UC / "work" / "staging" / "images").iterdir())
    done = site.call("evaluate", f"{UC}@1", "--source", str(judged.source))
    assert (done["number"], done["already"]) == (1, False)
    assert not (site.settings.place / "external" / UC / "work").exists()


def train_only(judged: Judged, folder: Path) -> tuple[str, str]:
    return "--source", str(some(judged, folder, ["images/same.dcm"]))


def no_label(judged: Judged, folder: Path) -> tuple[str, str]:
    source = some(judged, folder, ["images/00001.dcm"])
    write_rows(source, [{key: value for key, value in row.items() if key != "label"} for row in rows_of(source)])
    return "--source", str(source)


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (lambda *_: (), 2, "no_source"),
        (lambda *_: ("--source", "nowhere"), 2, "source_missing"),
        (lambda judged, _: ("--source", str(judged.source), "--name", "a\nb"), 2, "invalid_name"),
        (lambda judged, _: ("--source", str(judged.source), "--mapping", "nowhere.yaml"), 2, "missing_file"),
        (no_label, 2, "column_missing"),
        (train_only, 3, "nothing_to_judge"),
    ],
)
def test_what_is_refused(
    judged: Judged, tmp_path: Path, arguments: Callable[[Judged, Path], tuple[str, ...]], code: int, word: str
) -> None:
    refused = judged.site.call("evaluate", f"{UC}@1", *arguments(judged, tmp_path), check=code)
    assert refused["error"]["code"] == word
    assert not (judged.site.settings.place / "external" / UC / "work").exists()


def test_a_version_that_is_not_there_and_a_bundle_that_was_changed(judged: Judged, site: Installation) -> None:
    source = ("--source", str(judged.source))
    assert site.call("evaluate", f"{UC}@9", *source, check=2)["error"]["code"] == "unknown_version"
    assert site.call("evaluate", f"{UC}@champion", *source, check=3)["error"]["code"] == "no_champion"
    weights = bundle_folder(judged.version, site.settings) / "bundle" / "model.bin"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    refused = site.call("evaluate", f"{UC}@1", *source, "--other-patients", check=3)
    assert refused["error"]["code"] == "tampered_bundle"


def test_a_mapping_changes_the_source_and_nothing_else(judged: Judged) -> None:
    use_case = load_use_case(UC, judged.site.settings)
    mapped = with_mapping(use_case, {"columns": {"label": "finding"}, "labels": {"yes": "opacity"}})
    assert (mapped.source.columns.label, mapped.source.columns.patient) == ("finding", "patient")
    assert mapped.source.labels == {"yes": "opacity"}
    assert mapped.model_copy(update={"source": use_case.source}) == use_case
    for strange in ({"columns": {"lable": "finding"}}, {"search": {}}, {"columns": 3}):
        with pytest.raises(InputError) as caught:
            with_mapping(use_case, strange)
        assert caught.value.code == "invalid_mapping"
    evidence = read_evidence(judged.version, judged.site.settings)
    changed = mapped.model_copy(update={"policy": use_case.policy.model_copy(update={"draws": 999})})
    assert judged_as(evidence, changed).policy == use_case.policy  # the policy is the evidence's, the columns are today's
    assert judged_as(evidence, changed).source.labels == {"yes": "opacity"}


def test_a_source_needs_no_splits(judged: Judged) -> None:
    use_case, evidence = load_use_case(UC, judged.site.settings), read_evidence(judged.version, judged.site.settings)
    assert use_case.source.columns.split == "split"
    read = judged_as(evidence, use_case).source
    assert (read.columns.split, read.splits) == (None, {})
    # Where patients are numbered anew in every split, patient 1 of two splits are two people.
    numbered = judged_as(evidence, with_mapping(use_case, {"patient_per_split": True})).source
    assert (numbered.columns.split, numbered.splits) == ("split", use_case.source.splits)
