"""The planted defects: which one the data verdict must catch, and which must reach the gate."""

from __future__ import annotations

from pathlib import Path

import pytest
from installations import SMALL_N, make_installation

from radloop.configuration import load_use_case
from radloop.data.ingest import ingest
from radloop.data.phantoms import Defect, write_phantoms
from radloop.validation.verdict import DataVerdict, validate


def judged(folder: Path, defect: Defect) -> DataVerdict:
    write_phantoms(folder / "source", n=SMALL_N, seed=3, plant=[defect])
    settings = make_installation(folder / "site").settings
    use_case = load_use_case("phantom-cxr", settings)
    return validate(use_case, ingest(use_case, folder / "source", settings).data_version, settings)


def test_a_patient_in_two_splits_is_refused_and_the_rows_are_named(tmp_path: Path) -> None:
    verdict = judged(tmp_path, Defect("patient-in-two-splits"))
    failed = {check.code: check for check in verdict.failed}
    assert failed.keys() == {"patient_splits", "leaks"}
    assert len(failed["patient_splits"].rows) >= 2
    assert all(row in verdict.sentences()[0] for row in failed["patient_splits"].rows)
    assert {leak["kind"] for leak in verdict.as_dict()["leaks"]} == {"patient"}


def test_near_duplicates_are_refused_and_both_rows_are_named(tmp_path: Path) -> None:
    verdict = judged(tmp_path, Defect("near-duplicates"))
    assert [check.code for check in verdict.failed] == ["leaks"]
    assert all(len(leak["rows"]) >= 2 for leak in verdict.leaks if leak["kind"] == "near_duplicate")
    assert any(leak["kind"] == "near_duplicate" for leak in verdict.leaks)


@pytest.mark.parametrize("name", ["corner-marker", "subgroup-label-noise", "site-shift"])
def test_what_only_a_judgement_can_find_reaches_the_gate(tmp_path: Path, name: str) -> None:
    assert judged(tmp_path, Defect(name)).success
