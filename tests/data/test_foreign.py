"""Another site's list: known again by its bytes and words; and a scratch folder that nothing stays in."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from installations import Installation

from radloop.configuration import load_use_case
from radloop.data.erasure import erase
from radloop.data.foreign import ForeignList, list_foreign, scratch
from radloop.data.places import external_folder
from radloop.errors import InputError, Refusal
from radloop.records.runs import locked

UC = "phantom-cxr"
PNG = b"\x89PNG\r\n\x1a\n not decoded here"


def listed(place: Installation, source: Path) -> ForeignList:
    return list_foreign(source, load_use_case(UC, place.settings), place.settings, True, lambda *_: None)


def folders(root: Path, **files: bytes) -> Path:
    """Return class folders; `normal_a=b".."` is normal/a.png."""
    for name, content in files.items():
        label, _, stem = name.partition("_")
        (root / label).mkdir(parents=True, exist_ok=True)
        (root / label / f"{stem}.png").write_bytes(content)
    return root


def test_the_digest_is_over_name_md5_and_label(installation: Installation, tmp_path: Path) -> None:
    source = folders(tmp_path / "a", opacity_b=PNG, normal_a=PNG + b"!")
    entries = [
        ["normal/a.png", hashlib.md5(PNG + b"!", usedforsecurity=False).hexdigest(), "normal"],
        ["opacity/b.png", hashlib.md5(PNG, usedforsecurity=False).hexdigest(), "opacity"],
    ]
    text = json.dumps(entries, separators=(",", ":")) + "\n"
    found = listed(installation, source)
    assert found.listing == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    assert found.as_dict() == {
        "files": 2,
        "listing": found.listing,
        "facts": found.facts,
        "patients_compared": True,
        "kept": False,
    }


def test_another_byte_another_label_and_another_fact_make_other_data(installation: Installation, tmp_path: Path) -> None:
    first = listed(installation, folders(tmp_path / "a", normal_a=PNG, opacity_b=PNG))
    assert listed(installation, folders(tmp_path / "same", normal_a=PNG, opacity_b=PNG)).as_dict() == first.as_dict()
    for number, other in enumerate([{"normal_a": PNG + b"!", "opacity_b": PNG}, {"opacity_a": PNG, "opacity_b": PNG}]):
        assert listed(installation, folders(tmp_path / str(number), **other)).listing != first.listing
    (tmp_path / "table").mkdir()
    header = "path,patient,label,extent,site,split,temperature\n"
    tables = []
    for patient in ("one", "two"):
        (tmp_path / "table" / "manifest.csv").write_text(f"{header}x.png,{patient},normal,0,A,test,\n")
        tables.append(listed(installation, tmp_path / "table"))
    assert tables[0].listing == tables[1].listing
    assert tables[0].facts != tables[1].facts


def test_names_that_are_no_text_and_files_that_are_not_there(installation: Installation, tmp_path: Path) -> None:
    source = folders(tmp_path / "a", normal_a=PNG, opacity_b=PNG)
    Path(os.fsdecode(os.fsencode(source / "normal") + b"/\xff.png")).write_bytes(PNG)
    assert len(listed(installation, source).rows) == 3
    with pytest.raises(InputError) as caught:
        listed(installation, tmp_path / "nowhere")
    assert caught.value.code == "source_missing"


def leave(place: Installation) -> Path:
    """Leave an image as a person does who stops the command."""
    image = external_folder(UC, place.settings) / "work" / "staging" / "images" / "x.png"
    with pytest.raises(KeyboardInterrupt), scratch(UC, place.settings):
        image.parent.mkdir(parents=True)
        image.write_bytes(PNG)
        raise KeyboardInterrupt
    assert image.is_file()  # the same command goes on from it
    return image


def test_what_is_done_or_refused_leaves_no_image(installation: Installation) -> None:
    image = leave(installation)
    with scratch(UC, installation.settings):
        pass
    assert not image.exists()
    image = leave(installation)
    with pytest.raises(Refusal), scratch(UC, installation.settings):
        raise Refusal("nothing_to_judge", "nothing")
    assert not image.exists()


def test_one_at_a_time(installation: Installation) -> None:
    with (
        locked(external_folder(UC, installation.settings)),
        pytest.raises(Refusal, match="phantom-cxr is being judged on another site's data by another process"),
        scratch(UC, installation.settings),
    ):
        pass


def test_an_erasure_deletes_what_a_kill_left(installation: Installation) -> None:
    image = leave(installation)
    assert erase("P0123456789abcdef", [UC], b"key", installation.settings, dry_run=True) is None
    assert image.is_file()
    assert erase("P0123456789abcdef", [UC], b"key", installation.settings) is None
    assert not image.exists()
