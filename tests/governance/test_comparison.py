"""The candidate beside the champion: paired numbers worked by hand, and real bundles on the same images."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bundles import KINDS, make_bundle, make_facts
from conftest import Loop
from installations import small_phantom_config

from radloop.configuration import load_use_case
from radloop.data.manifest import read_manifest, usable
from radloop.evaluation.cases import Cases, Outputs, score_cases
from radloop.governance.comparison import beside_champion, compare, incomparable
from radloop.governance.gate import decide
from radloop.inference.pointer import Pointer
from radloop.inference.predictor import Predictor
from radloop.settings import Settings
from radloop.use_case import BinaryLabels, ImageSpec, IntendedUse, Policy, Window
from tests.governance.documents import policy

POLICY = Policy.model_validate(small_phantom_config()["policy"], strict=False)
EACH = 40
"""Patients of every score: what differs in none of eight would leave too much to doubt."""
TRUTH = np.tile([1.0, 1, 1, 1, 0, 0, 0, 0], EACH)[:, None]
OLD = np.tile([0.9, 0.8, 0.7, 0.6, 0.5, 0.3, 0.2, 0.1], EACH)[:, None]
AT = Outputs("binary", ("opacity",), (0.55,))
SHIFT = {"kind": "score_shift", "name": "shift", "max_flips": 0.125, "min_sensitivity": -0.0625, "min_specificity": -0.0625}
KEPT = {"kind": "non_inferiority", "name": "auroc_kept", "metric": "auroc", "margin": 0.0625}


def cases(probabilities: np.ndarray[Any, Any], truth: np.ndarray[Any, Any] = TRUTH) -> Cases:
    """Return cases of as many patients, all within the intended use."""
    n = len(truth)
    frame = pd.DataFrame({"id": [f"{number:016x}" for number in range(n)], "patient": [f"P{number}" for number in range(n)]})
    return Cases(frame, probabilities, truth, np.ones(n, np.bool_))


def evidence(found: dict[str, Any]) -> dict[str, Any]:
    return {"champion": {"version": 1} | found, "changes": {"since": 1, "first": False}}


def level(interval: dict[str, float], room: float = 3.85 / 160) -> None:
    """Check that nothing differs, and that what was not seen is doubted: at most z^2 in n of them (rule of three, nearly)."""
    assert interval["value"] == 0.0
    assert -room <= interval["low"] < 0 < interval["high"] <= room


def test_a_monotone_shift_is_refused_at_the_old_threshold_and_passes_refitted() -> None:
    shifted = cases(OLD**2)  # .81 .64 .49 .36 and .25 .09 .04 .01: two positives fall below 0.55
    kept = compare(shifted, cases(OLD), AT, AT, POLICY)
    assert (kept["cases"], kept["shift"]["flips"]) == (8 * EACH, 2 / 8)
    assert kept["champion"]["sensitivity"]["value"] == 1.0
    assert kept["at_old_threshold"]["sensitivity"]["value"] == 0.5
    assert kept["shift"]["sensitivity"]["value"] == -0.5
    level(kept["shift"]["specificity"])
    level(kept["difference"]["auroc"])
    assert decide(evidence(kept), policy(SHIFT)).reasons[0].status == "failed"
    refitted = compare(shifted, cases(OLD), replace(AT, thresholds=(0.3025,)), AT, POLICY)
    assert refitted["thresholds"] == {"champion": [0.55], "candidate": [0.3025]}
    assert refitted["shift"] == kept["shift"]
    level(refitted["difference"]["sensitivity"])
    verdict = decide(evidence(refitted), policy(SHIFT, KEPT))
    assert verdict.passed
    assert "The threshold moved from 0.550 to 0.302" in verdict.reasons[0].sentence


def test_differences_are_paired() -> None:
    """Two models that err on the same patients differ for certain though each by itself is uncertain."""
    rng = np.random.default_rng(0)
    truth = (np.arange(200) % 2).astype(float)[:, None]
    old = np.clip(0.5 + 0.2 * (2 * truth - 1) + 0.3 * rng.normal(size=truth.shape), 0, 1)
    new = np.clip(old - 0.02 * (2 * truth - 1), 0, 1)
    found = compare(cases(new, truth), cases(old, truth), AT, AT, POLICY)
    alone, apart = found["champion"]["auroc"], found["difference"]["auroc"]
    assert apart["value"] < 0
    assert apart["high"] - apart["low"] < 0.3 * (alone["high"] - alone["low"])


def test_only_cases_within_the_intended_use_of_both_count() -> None:
    ours, theirs = cases(OLD), cases(OLD)
    ours.intended[0] = False
    theirs.intended[7] = False
    assert compare(ours, theirs, AT, AT, POLICY)["cases"] == 8 * EACH - 2


def test_of_classes_the_most_probable_one_is_the_decision() -> None:
    truth = np.eye(3)[[0, 1, 2, 0, 1, 2]]
    old = 0.25 + 0.25 * truth
    new = old.copy()
    new[0] = [0.2, 0.7, 0.1]
    outputs = Outputs("multiclass", ("a", "b", "c"), (None, None, None))
    found = compare(cases(new, truth), cases(old, truth), outputs, outputs, POLICY)
    assert found["shift"]["flips"] == 1 / 6
    assert found["difference"]["accuracy"]["value"] == pytest.approx(-1 / 6)


def test_of_findings_each_judged_one_with_a_threshold_is_a_decision() -> None:
    rng = np.random.default_rng(1)
    truth = (rng.random((40, 3)) < 0.5).astype(float)
    truth[:, 2] = 0  # too few to be judged
    old = np.full((40, 3), 0.25)
    new = old.copy()
    new[:10, 0] = new[:30, 1] = new[:, 2] = 0.75
    outputs = Outputs("multilabel", ("mass", "nodule", "hernia"), (0.5, None, 0.5))
    found = compare(cases(new, truth), cases(old, truth), outputs, outputs, POLICY)
    assert found["shift"]["flips"] == 10 / 40
    assert found["shift"]["sensitivity"]["value"] is None  # nodule has no threshold
    assert decide(evidence(found), policy(SHIFT)).reasons[0].status == "not_evaluable"


def test_what_the_champion_cannot_score_has_a_reason() -> None:
    facts, test = make_facts(), pd.DataFrame({"age": [1.0], "sex": ["F"], "clinical_temperature": [37.0]})
    assert incomparable(facts, facts, test) is None
    other = make_facts(labels=BinaryLabels(positive="opacity", negative="normal"))
    assert incomparable(facts, other, test) == "it answers tuberculosis, the candidate opacity, or calls their absence otherwise"
    image = facts.image.model_dump() | {"modalities": ("CT",), "window": Window(center=40, width=80)}
    told = incomparable(facts, make_facts(image=ImageSpec.model_validate(image)), test)
    assert told == "its images have another modalities"
    larger = make_facts(image=ImageSpec.model_validate(facts.image.model_dump() | {"size": 128}))
    assert incomparable(facts, larger, test) is None
    fusion = make_facts(**KINDS["fusion"])
    assert incomparable(fusion, fusion, test) == "it takes intubated, which the data no longer has"


@pytest.fixture(scope="module")
def site(loop: Loop, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Predictor, Pointer]:
    """The loop's data with two small bundles: a candidate, and the champion that is pointed at."""
    root = tmp_path_factory.mktemp("site")
    (root / "data").symlink_to(loop.installation.root / "data")
    settings = Settings(root=root, home=root / ".radloop", use_cases=loop.installation.root / "configs" / "use_cases")
    bundles = settings.bundles
    same = {
        "use_case": "phantom-cxr",
        "labels": BinaryLabels(positive="opacity", negative="normal"),
        "intended_use": IntendedUse(statement="Phantoms."),
    }
    candidate = Predictor(make_bundle(bundles, seed=2, approve=False, **same), approved=False)
    champion = make_bundle(bundles, seed=1, version=4, **same)
    return settings, candidate, Pointer(use_case="phantom-cxr", bundle=f"sha256:{champion.name}", version=4)


def scored(settings: Settings, predictor: Predictor) -> tuple[Cases, pd.DataFrame, Any]:
    folder, use_case = settings.data / "phantom-cxr", load_use_case("phantom-cxr", settings)
    frame = read_manifest(folder)
    test = usable(frame[frame["split"] == "test"])
    return score_cases(predictor, test, folder, use_case, lambda *_: None), test, use_case


def test_a_real_champion_is_scored_on_the_same_images(site: tuple[Settings, Predictor, Pointer]) -> None:
    settings, candidate, pointer = site
    ours, test, use_case = scored(settings, candidate)
    champion = Predictor(pointer.folder(settings.bundles))
    theirs, _, _ = scored(settings, champion)
    found = beside_champion(pointer, candidate.facts, ours, test, use_case, settings)
    assert found is not None
    assert (found["version"], found["bundle"], found["cases"]) == (4, pointer.bundle, len(ours))
    flips = np.mean((ours.probabilities >= 0.42) != (theirs.probabilities >= 0.42))
    assert found["shift"]["flips"] == flips
    against = beside_champion(pointer, champion.facts, theirs, test, use_case, settings)
    assert against is not None
    assert against["champion"] == found["champion"]
    level(against["difference"]["auroc"], room=1.0)
    assert math.isfinite(found["difference"]["auroc"]["low"])


def test_without_a_champion_there_is_nothing_and_a_broken_one_has_a_reason(
    site: tuple[Settings, Predictor, Pointer], tmp_path: Path
) -> None:
    settings, candidate, pointer = site
    ours, test, use_case = scored(settings, candidate)
    assert beside_champion(None, candidate.facts, ours, test, use_case, settings) is None
    gone = Pointer(use_case="phantom-cxr", bundle=f"sha256:{'0' * 64}", version=5)
    assert beside_champion(gone, candidate.facts, ours, test, use_case, settings) == {
        "version": 5,
        "bundle": gone.bundle,
        "reason": "bundle: there is no bundle 000000000000",
    }
    approval = pointer.folder(settings.bundles) / "approval.json"
    content = approval.read_bytes()
    approval.write_bytes(content.replace(b"Dr. Reviewer", b"Dr. Nobody  "))
    found = beside_champion(pointer, candidate.facts, ours, test, use_case, settings)
    assert found == {"version": 4, "bundle": pointer.bundle, "reason": "approval: approval.json is not what was sealed"}
    approval.unlink()  # withdrawn
    found = beside_champion(pointer, candidate.facts, ours, test, use_case, settings)
    approval.write_bytes(content)
    assert found is not None
    assert found["cases"] > 0
