"""A source's table as a manifest, before its images."""

from __future__ import annotations

from pathlib import Path

from validation.frames import use_case

from radloop.data.listing import table_rows
from radloop.data.manifest import columns_of, table_frame
from radloop.data.sources import read_table_only
from radloop.validation.verdict import judge_manifest

COLUMNS = {"patient": "who", "split": "part", "sex": "sex", "age": "age", "site": "site"}


def test_a_table_is_judged_without_its_images(tmp_path: Path) -> None:
    case = use_case(
        source={"columns": COLUMNS, "splits": {"train": "train", "tune": "tune", "calibrate": "calibrate", "test": "test"}},
        validation={"min_images": 40, "sites": ["A"]},
    )
    splits = ("train", "tune", "calibrate", "test")
    lines = [
        f"images/{number:03d}.png,{('normal', 'opacity')[number // 4 % 2]},Doe^{number},{splits[number % 4]},F,40,A"
        for number in range(64)
    ]
    lines[8] = "images/008.png,normal,Doe^9,train,F,300,Dr. Roe"
    (tmp_path / "manifest.csv").write_text("path,label,who,part,sex,age,site\n" + "\n".join(lines) + "\n")
    frame = table_frame(table_rows(read_table_only(tmp_path / "manifest.csv", case), case, b"key"), case)
    assert list(frame.columns) == columns_of(case)
    assert frame["patient"].nunique() == 63
    verdict = judge_manifest(case, frame, tmp_path / "gx")
    failed = {check.code: check.rows for check in verdict.failed}
    eighth, ninth = frame["id"].iloc[8], frame["id"].iloc[9]
    assert failed["patient_splits"] == (eighth, ninth)
    assert failed["known_sites"] == (eighth,)
    pages = "".join(path.read_text() for path in (tmp_path / "gx").rglob("*") if path.suffix in (".html", ".json", ".yml"))
    assert "Doe" not in pages
    assert "Roe" not in pages
