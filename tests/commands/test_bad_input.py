"""Bad input: one line that says what to do, the right exit code, nothing written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from installations import Installation, small_phantom_config, write_use_case


def files(root: Path) -> set[str]:
    """List what a refused command must not add to; DVC's and Python's own caches aside."""
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file() and "lock" not in path.name}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["retrain", "phantom-cxt"], "unknown_use_case", "did you mean 'phantom-cxr'?"),
        (["ingest", "phantom-cxr", "--source", "nowhere"], "source_missing", "nothing is at nowhere"),
        (["retrain", "phantom-cxr", "--source", "nowhere"], "source_missing", "nothing is at nowhere"),
        (["ingest", "phantom-cxr", "--source", "empty"], "source_empty", "holds no images"),
        (["validate", "phantom-cxr"], "no_data", "radloop ingest phantom-cxr --source PATH"),
        (["retrain", "tb-cxr"], "no_data", "radloop ingest tb-cxr --source PATH"),
        (["predict", "absent.png", "--use-case", "phantom-cxr"], "missing_file", "no such file: absent.png"),
        (["evaluate", "phantom-cxr@champion", "--source", "nowhere"], "source_missing", "nothing is at nowhere"),
        (["phantoms", "new", "--plant", "corner-maker"], "unknown_defect", "did you mean 'corner-marker'?"),
        (["phantoms", "new", "--n", "3"], "too_few_images", "the least is"),
    ],
)
def test_what_cannot_be_understood_exits_2(installation: Installation, arguments: list[str], code: str, words: str) -> None:
    (installation.root / "empty").mkdir()
    before = files(installation.root)
    done = installation.run(*arguments, check=2)
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr
    assert installation.call(*arguments, check=2)["error"]["code"] == code
    assert files(installation.root) == before


def test_a_mistyped_command_offers_the_nearest(installation: Installation) -> None:
    assert "did you mean 'retrain'?" in installation.run("retrian", "phantom-cxr", check=2).stderr


def test_a_mistyped_key_and_a_wrong_type_name_file_and_line(installation: Installation) -> None:
    config = small_phantom_config()
    config["search"]["trails"] = 3
    write_use_case(installation.root / "configs" / "use_cases", config)
    assert "unknown key 'search.trails' (did you mean 'trials'?)" in installation.run("retrain", "phantom-cxr", check=2).stderr
    config = small_phantom_config()
    config["search"]["trials"] = "many"
    write_use_case(installation.root / "configs" / "use_cases", config)
    assert "search.trials" in installation.run("ingest", "phantom-cxr", "--source", ".", check=2).stderr


@pytest.mark.parametrize(("label", "code"), [("cat", "unknown_label"), (None, "column_missing")])
def test_labels_outside_the_classes_and_a_missing_column(
    installation: Installation, phantoms: Path, tmp_path: Path, label: str | None, code: str
) -> None:
    source = tmp_path / "source"
    shutil.copytree(phantoms, source)
    text = (source / "manifest.csv").read_text()
    (source / "manifest.csv").write_text(text.replace(",opacity,", f",{label},") if label else text.replace("label", "lable", 1))
    before = files(installation.root)
    document = json.loads(installation.run("ingest", "phantom-cxr", "--source", str(source), "--json", check=2).stdout)
    assert document["error"]["code"] == code
    assert files(installation.root) == before


def test_help_is_fast_and_lists_every_command(installation: Installation) -> None:
    import time

    seconds = []
    for _ in range(5):
        started = time.monotonic()
        done = installation.run("--help", check=0)
        seconds.append(time.monotonic() - started)
    assert min(seconds) < 0.5
    for name in ("ingest", "retrain", "review", "deploy", "serve", "predict", "doctor"):
        assert f"\n  {name} " in done.stdout
    assert "\n  Example:  radloop retrain phantom-cxr\n  Exit codes:" in done.stdout


def test_help_imports_nothing_heavy(installation: Installation) -> None:
    import subprocess
    import sys

    script = (
        "import sys; from click.testing import CliRunner; from radloop.cli import main;"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0;"
        "print([m for m in ('torch', 'mlflow', 'prefect', 'numpy', 'pandas', 'pydantic', 'optuna', 'openvino') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_doctor_prints_the_tools_environment(installation: Installation) -> None:
    lines = installation.run("doctor", "--env", check=0).stdout.splitlines()
    variables = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    assert variables["BENTOML_DO_NOT_TRACK"] == "true"
    assert variables["BENTOML_HOME"] == str(installation.root / ".radloop" / "bentoml")


def test_use_cases_lists_them(installation: Installation) -> None:
    document = installation.json("use-cases")
    found = {row["name"]: row for row in document["use_cases"]}
    assert found["phantom-cxr"] == {
        "name": "phantom-cxr",
        "title": small_phantom_config()["title"],
        "data_version": None,
        "champion": None,
        "candidate": None,
    }
    assert "tb-cxr" in found


def test_the_shipped_policy_is_stricter_than_the_tests(installation: Installation) -> None:
    """The small policy must not leak into what is shipped."""
    from installations import ROOT

    shipped = yaml.safe_load((ROOT / "configs" / "use_cases" / "phantom-cxr.yaml").read_text())
    limits = {rule["name"]: rule.get("limit") for rule in shipped["policy"]["rules"]}
    assert limits["auroc_lower"] >= 0.9
