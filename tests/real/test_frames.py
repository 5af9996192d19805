"""Files of many frames, brought in: a row about the file, and one for each frame."""

from __future__ import annotations

import csv
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from installations import make_installation, small_phantom_config

from radloop.configuration import load_use_case
from radloop.data.ingest import ingest
from radloop.data.manifest import read_manifest, usable
from radloop.data.storing import stored_image
from radloop.images.decode import read_frames


def config_of(labels: dict[str, str], columns: dict[str, str], image: dict[str, Any]) -> dict[str, Any]:
    config = small_phantom_config()
    for section in ("clinical", "severity", "fusion"):
        del config[section]
    config["labels"] = labels
    config["source"] = {"columns": columns, "max_unreadable": 1}
    config["image"] |= image
    config["quarantine"] = {"burned_in_text": False}
    return config


def test_ultrasound_clips(tmp_path: Path, real_data: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(real_data / "lung-us-video", source)
    with (source / "manifest.csv").open(newline="") as stream:
        clips = list(csv.DictReader(stream))
    (source / "videos" / "broken.mp4").write_bytes((source / clips[0]["path"]).read_bytes()[:3000])
    with (source / "manifest.csv").open("a", newline="") as stream:
        csv.DictWriter(stream, clips[0].keys()).writerow(clips[0] | {"path": "videos/broken.mp4"})
    labels = {"positive": "covid_positive", "negative": "covid_negative"}
    columns = {"path": "path", "label": "label", "patient": "patient_id", "age": "age"}
    settings = make_installation(
        tmp_path / "site", config_of(labels, columns, {"modalities": ["US"], "frames_per_second": 5.0})
    ).settings
    use_case = load_use_case("phantom-cxr", settings)
    result = ingest(use_case, source, settings)
    assert [item["row"] for item in result.unreadable] == [1]  # videos/broken.mp4 comes first
    frame = read_manifest(settings.data / "phantom-cxr")
    whole, parts = frame[frame["kind"] == "clip"], frame[frame["kind"] == "frame"]
    assert len(whole) == 18
    # One frame in each fifth of a second of a clip at 25 frames a second.
    wanted = [math.ceil(int(clip["frames_decoded"]) / 5) for clip in sorted(clips, key=lambda clip: clip["path"])]
    assert list(whole["frame"]) == wanted
    assert list(parts.groupby("clip", sort=False).size()) == wanted
    assert (parts.groupby("clip")["split"].nunique() == 1).all()
    assert set(usable(frame)["kind"]) == {"frame"}
    first = parts.iloc[0]
    shown = stored_image(settings.data / "phantom-cxr" / first["path"], first["frame"], use_case.image)
    taken = next(read_frames(sorted((source / "videos").glob("patient*"))[0], use_case.image))
    assert np.array_equal(shown.pixels, taken.pixels)


def test_a_multi_frame_dicom(tmp_path: Path, real_data: Path) -> None:
    source = tmp_path / "source"
    for label, names in (("sick", ("emri_small_RLE.dcm", "eCT_Supplemental.dcm")), ("well", ("MR2_J2KI.dcm", "vlut_04.dcm"))):
        (source / label).mkdir(parents=True)
        for name in names:
            shutil.copy(real_data / "dicom-edge" / name, source / label / name)
    config = config_of({"positive": "sick", "negative": "well"}, {"path": "path", "label": "label"}, {"modalities": ["MR", "CT"]})
    settings = make_installation(tmp_path / "site", config).settings
    use_case = load_use_case("phantom-cxr", settings)
    result = ingest(use_case, source, settings)
    assert (result.images, result.unreadable) == (10 + 2 + 1 + 1, [])
    frame = read_manifest(settings.data / "phantom-cxr")
    parts = frame[frame["kind"] == "frame"]
    assert sorted(parts.groupby("path").size()) == [2, 10]
    assert parts["series"].notna().all()
    originals = list(read_frames(source / "sick" / "emri_small_RLE.dcm"))
    stored = parts[parts["path"] == parts.groupby("path").size().idxmax()]
    for (_, row), original in zip(stored.iterrows(), originals, strict=True):
        shown = stored_image(settings.data / "phantom-cxr" / row["path"], row["frame"], use_case.image)
        assert np.array_equal(shown.pixels, original.pixels)
