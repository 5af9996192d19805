"""The real collections: what their use cases make of them, counted by hand."""

from __future__ import annotations

import gzip
import importlib.util
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from installations import ROOT

from radloop.configuration import read_use_case
from radloop.data.sources import SourceRow, read_bytes, read_source, read_table_only
from radloop.images.raster import PNG
from radloop.use_case import FindingLabels, UseCase
from tests.conftest import need

OTHERS = (
    "Pneumocystis",
    "Streptococcus",
    "No Finding",
    "No finding",
    "Pneumonia",
    "Klebsiella",
    "Mycoplasma Bacterial Pneumonia",
    "Varicella",
    "Lipoid",
    "ARDS",
    "Legionella",
    "E.Coli",
    "Bacterial",
    "Influenza",
)
CONFIGS = ROOT / "configs" / "use_cases"


def use_case_of(name: str) -> UseCase:
    return read_use_case(CONFIGS / f"{name}.yaml")


def changed(name: str, **sections: Any) -> UseCase:
    document = json.loads(use_case_of(name).model_dump_json())
    return UseCase.model_validate_json(json.dumps(document | sections))


def counts(rows: list[SourceRow]) -> dict[tuple[str | None, str | None], int]:
    return dict(Counter((row.split, row.label) for row in rows))


def test_kidney_ct(real_data: Path) -> None:
    rows = read_source(real_data / "kidney-ct-4class", use_case_of("kidney-ct"))
    assert counts(rows) == {
        ("train", "normal"): 120,
        ("train", "cyst"): 150,
        ("train", "stone"): 126,
        ("train", "tumor"): 119,
        ("test", "normal"): 60,
        ("test", "cyst"): 60,
        ("test", "stone"): 60,
        ("test", "tumor"): 60,
    }
    assert all(row.path.is_file() and row.group for row in rows)
    # Cyst 401 of test and Cyst 409 of train are neighbours
    groups = {row.name: row.group for row in rows}
    assert groups["test/Cyst/Cyst-_(401).jpg"] == groups["train/Cyst/Cyst-_(409).jpg"] == "Cyst/block 40"


def test_brain_tumor_mri(real_data: Path) -> None:
    rows = read_source(real_data / "brain-mri-tumor-4class", use_case_of("brain-tumor-mri"))
    assert counts(rows) == {
        ("train", "no-tumor"): 260,
        ("train", "glioma"): 210,
        ("train", "meningioma"): 249,
        ("train", "pituitary"): 211,
        ("test", "no-tumor"): 108,
        ("test", "glioma"): 75,
        ("test", "meningioma"): 123,
        ("test", "pituitary"): 77,
    }
    assert all(row.path.is_file() for row in rows)


def test_spine_fracture_ct(real_data: Path) -> None:
    rows = read_source(real_data / "cervical-spine-fracture", use_case_of("spine-fracture-ct"))
    assert counts(rows) == {("train", "fracture"): 60, ("train", "normal"): 60, ("test", "fracture"): 30, ("test", "normal"): 30}
    assert Counter(Counter(row.group for row in rows).values()) == {3: 60}  # 60 originals, three copies of each
    assert {row.group for row in rows if row.split == "train"}.isdisjoint(row.group for row in rows if row.split == "test")


def test_pneumonia_cxr(real_data: Path) -> None:
    use_case = use_case_of("pneumonia-cxr")
    rows = read_source(real_data / "kermany_pneumonia_224", use_case)
    assert counts(rows) == {
        ("train", "normal"): 1340,
        ("train", "pneumonia"): 3850,
        ("tune", "normal"): 8,
        ("tune", "pneumonia"): 8,
        ("test", "normal"): 231,
        ("test", "pneumonia"): 387,
    }
    # 3117 tokens, of which 170 occur in train and test: as people of their own they are 3287
    assert len({row.patient for row in rows}) == 3117 + 170
    # as class folders the file names say the same of the patients as the manifest
    folders = read_source(real_data / "kermany_pneumonia_224" / "test", use_case)
    assert {row.name: (row.label, f"test/{row.patient}") for row in folders} == {
        row.name.removeprefix("test/"): (row.label, row.patient) for row in rows if row.split == "test"
    }


def test_thorax_cxr_from_a_manifest(real_data: Path) -> None:
    rows = read_source(real_data / "nih_chestxray14_1000_64", use_case_of("thorax-cxr"))
    assert Counter(row.split for row in rows) == {"train": 600, "tune": 200, "test": 200}
    assert len({row.patient for row in rows}) == 264
    assert Counter(row.sex for row in rows) == {"F": 509, "M": 491}
    assert Counter(row.view for row in rows) == {"PA": 637, "AP": 363}
    assert (min(row.age or 0 for row in rows), max(row.age or 0 for row in rows)) == (24, 94)
    assert {
        word: sum(row.findings[word] or 0 for row in rows) for word in ("Atelectasis", "Effusion", "Hernia", "Pneumonia")
    } == {
        "Atelectasis": 95,
        "Effusion": 170,
        "Hernia": 9,
        "Pneumonia": 11,
    }


def test_thorax_cxr_from_one_column_for_each_finding(real_data: Path) -> None:
    words = read_source(real_data / "nih_chestxray14_1000_64", use_case_of("thorax-cxr"))
    source = json.loads(use_case_of("thorax-cxr").source.model_dump_json()) | {"label_separator": None}
    columns = read_source(real_data / "nih_chestxray14_1000_64", changed("thorax-cxr", source=source))
    assert [row.findings for row in columns] == [row.findings for row in words]


def nih_table() -> Path:
    """Return the table of all of ChestX-ray14 that the torchxrayvision package carries; the package is not imported."""
    spec = importlib.util.find_spec("torchxrayvision")
    need(spec is not None, "torchxrayvision is missing: pip install the dev extra")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "data" / "Data_Entry_2017_v2020.csv.gz"


def test_thorax_cxr_from_the_whole_table_of_nih() -> None:
    use_case = use_case_of("thorax-cxr")
    begun = time.process_time()
    rows = read_table_only(nih_table(), use_case)
    assert time.process_time() - begun < 30
    assert (len(rows), len({row.patient for row in rows})) == (112_120, 30_805)
    assert Counter(row.sex for row in rows) == {"M": 63_340, "F": 48_780}
    assert Counter(row.view for row in rows) == {"PA": 67_310, "AP": 44_810}
    assert isinstance(use_case.labels, FindingLabels)
    totals = [sum(row.findings[word] or 0 for row in rows) for word in use_case.labels.findings]
    assert totals == [11559, 2776, 4667, 2303, 13317, 2516, 1686, 227, 19894, 5782, 6331, 3385, 1431, 5302]
    assert sum(not any(row.findings.values()) for row in rows) == 60_361
    assert all(row.age is not None and row.age <= 95 for row in rows)


def test_thorax_cxr_from_the_layout_of_nih(real_data: Path, tmp_path: Path) -> None:
    images = sorted((real_data / "nih_chestxray14_1000_64" / "images").iterdir())
    names = {image.name for image in images}
    with gzip.open(nih_table(), "rt", encoding="utf-8", newline="") as stream:
        lines = [line for number, line in enumerate(stream) if number == 0 or line.split(",")[0] in names]
    (tmp_path / "Data_Entry_2017_v2020.csv").write_text("".join(lines), newline="")
    for number, image in enumerate(images):
        folder = tmp_path / f"images_{number % 3 + 1:03d}" / "images"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / image.name).symlink_to(image)
    (tmp_path / "train_val_list.txt").write_text("\n".join(sorted(names)[:800]))
    (tmp_path / "test_list.txt").write_text("\n".join(sorted(names)[800:]))
    rows = read_source(tmp_path, use_case_of("thorax-cxr"))
    assert Counter(row.split for row in rows) == {"train": 800, "test": 200}
    manifest = read_source(real_data / "nih_chestxray14_1000_64", use_case_of("thorax-cxr"))
    told = {row.path.name: (row.patient, row.sex, row.age, row.view, row.findings) for row in manifest}
    assert {row.path.name: (row.patient, row.sex, row.age, row.view, row.findings) for row in rows} == told
    assert all(read_bytes(row).startswith(PNG) for row in rows[::100])


def covid_use_case(saturation: str, **columns: str) -> UseCase:
    return changed(
        "tb-cxr",
        labels={"positive": "covid", "negative": "other"},
        image={"modalities": ["CR", "DX"], "body_parts": ["CHEST"], "size": 64},
        source={"columns": columns, "labels": {"COVID-19": "covid"} | dict.fromkeys(OTHERS, "other")},
        clinical={"saturation": {"column": saturation, "unit": "%", "low": 0, "high": 100}},
    )


def test_the_covid_collection_in_its_own_layout(real_data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = (real_data / "covid_chestxray_256" / "manifest.csv").read_text(encoding="utf-8")
    (tmp_path / "metadata.csv").write_text(table.replace("patient_id", "patientid", 1), encoding="utf-8")
    rows = read_source(tmp_path, covid_use_case("pO2_saturation"))
    # 390 rows: 208 COVID-19 and 9 "COVID-19, ARDS"; 77 have no finding yet
    assert Counter(row.label for row in rows) == {"covid": 217, "other": 390 - 217 - 77}
    assert caplog.messages == ["77 rows without a finding are left out"]
    assert {row.name.split("/")[0] for row in rows} == {"images"}
    assert {row.age_note for row in rows} == {None}
    labelled = pd.read_csv(tmp_path / "metadata.csv", dtype=str, keep_default_na=False).query("finding != 'todo'")
    numbers = pd.to_numeric(labelled["pO2_saturation"], errors="coerce")
    # 340, 165, 130, 130 and 105 are pressures in a column of percentages
    assert Counter(row.notes.get("saturation") for row in rows) == {
        None: 313 - 5,
        "outside its limits": int((numbers > 100).sum()),
    }
    known = [row.clinical["saturation"] for row in rows if row.clinical["saturation"] is not None]
    assert sorted(known) == sorted(numbers[numbers <= 100])


def test_ages_and_values_of_figure_1(real_data: Path, tmp_path: Path) -> None:
    use_case = covid_use_case(
        "pO2 saturation", path="path", label="finding", patient="patient_id", sex="sex", age="age", view="view"
    )
    lines = (real_data / "figure1_covid_256" / "manifest.csv").read_text(encoding="utf-8")
    (tmp_path / "manifest.csv").write_text(lines, encoding="utf-8")
    with pytest.raises(Exception, match="no label"):  # 15 of 55 have none
        read_table_only(tmp_path, use_case)
    frame = pd.read_csv(tmp_path / "manifest.csv", dtype=str, keep_default_na=False)
    frame[frame["finding"] != ""].to_csv(tmp_path / "manifest.csv", index=False)
    rows = read_table_only(tmp_path, use_case)
    assert Counter(row.label for row in rows) == {"covid": 35, "other": 5}
    ages = Counter(frame[frame["finding"] != ""]["age"])
    notes = Counter(row.age_note for row in rows)
    assert notes["a bound"] == ages["50+"] + ages["67+"]
    assert notes["a decade"] == ages["early 40s"] + ages["mid 50s"]
    assert sum(row.age is None and row.age_note is None for row in rows) == ages[""]
    reasons = {"91-92": "a range", "low 90s": "a decade"}
    cells = frame[frame["finding"] != ""]["pO2 saturation"]
    assert Counter(row.notes.get("saturation") for row in rows) == Counter(reasons.get(cell) for cell in cells)


def test_pneumoniamnist(real_data: Path) -> None:
    source = {"labels": {"0": "normal", "1": "pneumonia"}, "splits": {"train": "train", "val": "tune", "test": "test"}}
    image = {"modalities": ["CR", "DX"], "body_parts": ["CHEST"], "size": 32, "min_side": 28}
    rows = read_source(real_data / "pneumoniamnist_28", changed("pneumonia-cxr", source=source, image=image))
    assert counts(rows) == {
        ("train", "normal"): 1214,
        ("train", "pneumonia"): 3494,
        ("tune", "normal"): 135,
        ("tune", "pneumonia"): 389,
        ("test", "normal"): 234,
        ("test", "pneumonia"): 390,
    }
    begun = time.process_time()
    assert all(read_bytes(row).startswith(PNG) for row in rows)
    assert time.process_time() - begun < 10


def test_dicom_of_ten_patients(real_data: Path) -> None:
    folder = real_data / "dicom-ct-multi-patient"
    labels = {"CT": "normal"}
    columns = {"label": "modality", "patient": "patient_id", "sex": "sex", "age": "age", "device": "manufacturer"}
    manifest = read_source(folder, changed("tb-cxr", source={"columns": columns, "labels": labels}))
    bare = changed("tb-cxr", source={"dicom_label": "Modality", "labels": labels})
    headers = [row for child in sorted(folder.iterdir()) if child.is_dir() for row in read_source(child, bare)]
    assert len(manifest) == 10
    assert [(row.path, row.patient, row.sex, row.age, row.device) for row in headers] == [
        (row.path, row.patient, row.sex, row.age, row.device) for row in manifest
    ]


def test_bare_numbers_in_dicom_ages_are_unknown_with_a_reason(real_data: Path) -> None:
    use_case = changed("tb-cxr", source={"dicom_label": "Modality", "labels": {"CR": "normal", "RG": "normal"}})
    rows = read_source(real_data / "cxr_dicom", use_case)
    assert [(row.name, row.sex, row.age, row.age_note) for row in rows if row.name.startswith("rsna")] == [
        ("rsna_16d7f894_PA_M.dcm", "M", None, "no unit"),
        ("rsna_c64d5667_AP_F.dcm", "F", None, "no unit"),
    ]


def test_every_use_case_here_names_its_leakage_policy_and_date() -> None:
    for name in ("kidney-ct", "brain-tumor-mri", "thorax-cxr", "spine-fracture-ct", "pneumonia-cxr"):
        use_case = use_case_of(name)
        assert (use_case.leakage.policy, use_case.policy.written) == ("drop", "2026-11-21")
        assert use_case.intended_use.not_for
    assert use_case_of("phantom-cxr").source.max_unreadable == 0
