"""Use cases from YAML: every mistake names its line and the remedy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from installations import ROOT, small_phantom_config

from radloop.configuration import load_use_case, read_use_case, use_case_files
from radloop.errors import ConfigError, InputError
from radloop.settings import Settings
from radloop.use_case import BESIDE_CHAMPION, KINDS, covers


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "use_cases").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_use_cases_are_valid(path: Path) -> None:
    use_case = read_use_case(path)
    assert use_case.name == path.stem
    kinds = {rule.kind for rule in use_case.policy.rules}
    assert kinds >= {"data_verdict", "lower_bound", "parity", "leakage", "non_inferiority", "permitted_changes"}
    waived = [rule.first for rule in use_case.policy.rules if rule.kind in BESIDE_CHAMPION]
    assert waived
    assert set(waived) == {"not_applicable"}
    assert not any(covers(pattern, "policy.rules.auroc_lower.limit") for pattern in use_case.changes.permitted)
    assert ("subgroup_lower_bound" in kinds) == bool(use_case.subgroups.gated)


def test_an_unknown_use_case_offers_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_use_case("tb-cxt", Settings(root=tmp_path))
    assert caught.value.hint == "did you mean 'tb-cxr'?"


def changed(tmp_path: Path, *path: str | int, value: Any) -> Path:
    config = small_phantom_config()
    place: Any = config
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    file = tmp_path / "phantom-cxr.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    return file


def line_of(file: Path, text: str) -> int:
    return next(number for number, line in enumerate(file.read_text().splitlines(), start=1) if text in line)


@pytest.mark.parametrize(
    ("path", "value", "code", "words", "hint"),
    [
        (("search", "trails"), 3, "unknown_key", "unknown key 'search.trails'", "did you mean 'trials'?"),
        (("serch",), {}, "unknown_key", "unknown key 'serch'", "did you mean 'search'?"),
        (("search", "recipe", "droput"), 0.1, "unknown_key", "unknown key 'search.recipe.droput'", "did you mean 'dropout'?"),
        (("search", "trials"), "two", "wrong_type", "search.trials: ", "mend the line"),
        (("image", "size"), 8, "invalid_use_case", "image.size: ", "mend the line"),
        (("synthetic",), "yes", "wrong_type", "synthetic: ", "mend the line"),
        (
            ("search", "space", "dropout", "hihg"),
            1.0,
            "unknown_key",
            "unknown key 'search.space.dropout.hihg'",
            "did you mean 'high'?",
        ),
        (("policy", "rules", 1, "limits"), 1.0, "unknown_key", "unknown key 'policy.rules.1.limits'", "did you mean 'limit'?"),
        (
            ("search", "space", "learning_rate", "high"),
            1e-5,
            "invalid_use_case",
            "low is 0.0005, above high, which is 1e-05",
            "mend",
        ),
        (("search", "space", "learning_rate", "low"), 0.0, "invalid_use_case", "log needs a low above 0, not 0", "mend"),
        (("labels", "negative"), "opacity", "invalid_use_case", "labels: 'opacity' stands for two labels", "mend"),
        (("labels", "kind"), "softmax", "invalid_use_case", "labels.kind: no kind 'softmax'", "binary"),
        (
            ("policy", "rules", 1, "kind"),
            "lowerbound",
            "invalid_use_case",
            "policy.rules.1.kind: no kind 'lowerbound'",
            "did you mean 'lower_bound'?",
        ),
        (("policy", "rules", 1), {"name": "a"}, "invalid_use_case", "policy.rules.1: kind is missing", "lower_bound"),
        (
            ("labels",),
            {"kind": "multiclass", "classes": ["one"]},
            "invalid_use_case",
            "labels.classes: at least 2 are needed",
            "mend",
        ),
        (("source", "labels"), {"x": "pneumonia"}, "invalid_use_case", "labels does not name", "mend"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, path: tuple[Any, ...], value: Any, code: str, words: str, hint: str) -> None:
    file = changed(tmp_path, *path, value=value)
    with pytest.raises(ConfigError) as caught:
        read_use_case(file)
    assert caught.value.code == code
    assert words in caught.value.message
    assert hint in caught.value.hint


def test_a_mistyped_key_that_is_required_is_named_as_it_was_written(tmp_path: Path) -> None:
    config = small_phantom_config()
    config["search"]["max_epoch"] = config["search"].pop("max_epochs")
    file = tmp_path / "phantom-cxr.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    with pytest.raises(ConfigError) as caught:
        read_use_case(file)
    assert caught.value.message == f"phantom-cxr.yaml:{line_of(file, 'max_epoch:')}: unknown key 'search.max_epoch'"
    assert caught.value.hint == "did you mean 'max_epochs'?"


def test_a_pattern_in_double_quotes_is_told_from_other_broken_yaml(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text('name: x\nsource: {patient_pattern: "^(p\\d+)_"}\n')
    with pytest.raises(ConfigError, match=r"x\.yaml:2: not valid YAML: found unknown escape character 'd'") as caught:
        read_use_case(file)
    assert caught.value.hint == "write patterns in single quotes"


@pytest.mark.parametrize(
    ("path", "value", "line", "words"),
    [
        (("labels",), {"kind": "segmentation", "target": "opacity", "none": "normal"}, "labels:", "segmentation needs masks"),
        (("source", "label_separator"), "|", "positive: opacity", "use multilabel"),
        (("location",), {"stride": 4}, "location:", "needs source.columns.mask or source.columns.boxes"),
        (("search", "recipe", "backbone"), "inception_v3", "backbone: inception_v3", "at least 75 pixels, not 64"),
        (("search", "recipe", "backbone"), "resnet81", "backbone: resnet81", "did you mean 'resnet18'?"),
        (("search", "objective"), "dice", "objective: dice", "dice needs masks"),
        (("synthetic",), False, "four_eyes: false", "only a synthetic use case may switch it off"),
        (("fusion",), {"values": ["ph"]}, "values:", "names ['ph'], which is neither age, sex nor in clinical"),
        (
            ("policy", "rules", 1),
            {"kind": "subgroup_gap", "name": "gap", "attribute": "site", "metric": "sensitivity", "limit": 0.1},
            "rules:",
            "gap compares the gated groups of site; subgroups.gated names fewer than two",
        ),
        (("mitigation",), {"attribute": "sex"}, "mitigation:", "names none of training, thresholds and labels"),
        (("mitigation",), {"attribute": "site", "thresholds": "per_group"}, "thresholds:", "only sex and age_band are known"),
        (("changes",), {"permitted": ["changes.*"]}, "permitted:", "'changes.*' is no section that may change"),
        (("changes",), {"permitted": ["serch.*"]}, "permitted:", "'serch.*' is no section that may change"),
        (("changes",), {"permitted": ["*"]}, "permitted:", "String should match pattern"),
    ],
)
def test_impossible_combinations_are_refused_with_the_line(
    tmp_path: Path, path: tuple[Any, ...], value: Any, line: str, words: str
) -> None:
    file = changed(tmp_path, *path, value=value)
    if value == "inception_v3":
        file.write_text(file.read_text().replace("size: 128", "size: 64"))
    with pytest.raises(ConfigError) as caught:
        read_use_case(file)
    assert words in caught.value.message
    assert re.match(r"phantom-cxr\.yaml:\d+: ", caught.value.message)
    found = int(caught.value.message.split(":")[1])
    assert abs(found - line_of(file, line)) <= 1


def test_a_rule_of_changes_needs_a_plan(tmp_path: Path) -> None:
    config = small_phantom_config()
    config.pop("changes", None)
    config["policy"]["rules"].append({"kind": "permitted_changes", "name": "plan"})
    file = tmp_path / "phantom-cxr.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    with pytest.raises(ConfigError, match="plan needs a plan: a section changes with permitted"):
        read_use_case(file)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_mistake_in_a_rule_is_named_without_its_kind(tmp_path: Path, kind: str) -> None:
    file = changed(tmp_path, "policy", "rules", 1, value={"kind": kind, "name": 1})
    with pytest.raises(ConfigError) as caught:
        read_use_case(file)
    assert re.match(r"phantom-cxr\.yaml:\d+: policy\.rules\.1\.\w+: ", caught.value.message)
    assert caught.value.code in ("wrong_type", "invalid_use_case")


def test_the_line_is_the_mistakes_own(tmp_path: Path) -> None:
    file = changed(tmp_path, "search", "trials", value="two")
    with pytest.raises(ConfigError, match=rf"phantom-cxr\.yaml:{line_of(file, 'trials: two')}: "):
        read_use_case(file)


def test_what_is_no_yaml_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "phantom-cxr.yaml"
    file.write_text("name: phantom-cxr\nlabels: [\n")
    with pytest.raises(ConfigError, match=r"phantom-cxr\.yaml:3: not valid YAML"):
        read_use_case(file)


def test_a_users_folder_comes_before_the_packaged_one(tmp_path: Path) -> None:
    folder = tmp_path / "configs" / "use_cases"
    folder.mkdir(parents=True)
    (folder / "tb-cxr.yaml").write_text("x: 1\n")
    assert use_case_files(Settings(root=tmp_path))["tb-cxr"] == folder / "tb-cxr.yaml"
