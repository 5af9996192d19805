"""The trace: whole on what was just made, and each broken link by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Loop
from installations import Installation, copy_installation

from radloop.data.manifest import read_manifest
from radloop.data.objects import Objects, object_name
from radloop.errors import IntegrityError
from radloop.governance.registry import Registry
from radloop.governance.review import bundle_folder, decide_on
from radloop.governance.trace import Trace, trace


@pytest.fixture
def site(loop: Loop, tmp_path: Path) -> Installation:
    return copy_installation(loop.installation, tmp_path / "site")


def walked(site: Installation) -> Trace:
    return trace(Registry("phantom-cxr", site.settings).version(1), site.settings)


def links(found: Trace) -> dict[str, bool | None]:
    return {link.name: link.intact for link in found.links}


def test_a_candidate_is_traced_to_its_bytes(site: Installation, loop: Loop) -> None:
    found = walked(site)
    assert (found.version, found.bundle, found.data_version) == (1, loop.summary["bundle"], loop.summary["data_version"])
    assert links(found) == {
        "served": None,
        "approval": None,
        "bundle": True,
        "evidence": True,
        "run": True,
        "code": None,
        "data version": True,
    }
    frame = read_manifest(site.root / "data" / "phantom-cxr")
    train = frame[frame["split"] == "train"]
    assert found.training is not None
    assert found.training["train"] == {"images": len(train), "patients": train["patient"].nunique()}
    assert found.intact


def test_an_approval_is_a_link_too(site: Installation) -> None:
    decide_on("phantom-cxr", 1, "approve", "Dr. A. Reader", "read the report", site.settings)
    approval = next(link for link in walked(site).links if link.name == "approval")
    assert approval.intact
    assert "Dr. A. Reader (unverified name)" in approval.says


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


def _weights(site: Installation) -> Path:
    return bundle_folder(Registry("phantom-cxr", site.settings).version(1), site.settings) / "bundle" / "model.bin"


def _image(site: Installation) -> Path:
    version = Registry("phantom-cxr", site.settings).version(1).tags["radloop.data_version"]
    listing = Objects(site.settings).listing(version)
    return (
        site.settings.place
        / "dvc"
        / "cache"
        / object_name(next(md5 for name, md5 in listing.items() if name != "manifest.parquet"))
    )


@pytest.mark.parametrize(("name", "file"), [("bundle", _weights), ("data version", _image)])
def test_a_flipped_byte_breaks_its_own_link(site: Installation, name: str, file: Callable[[Installation], Path]) -> None:
    flip(file(site))
    found = links(walked(site))
    assert [link for link, intact in found.items() if intact is False] == [name]


def test_edited_evidence_ends_the_walk(site: Installation) -> None:
    flip(bundle_folder(Registry("phantom-cxr", site.settings).version(1), site.settings) / "evidence.json")
    with pytest.raises(IntegrityError, match="evidence"):
        walked(site)


def test_the_command_prints_the_links_and_exits_3_where_one_is_broken(site: Installation) -> None:
    assert site.call("trace", "phantom-cxr@candidate")["intact"] is True
    flip(_weights(site))
    broken = site.call("trace", "phantom-cxr@1", check=3)
    assert broken["intact"] is False
    assert {"name": "bundle", "intact": False, "says": "bundle: model.bin is not what was sealed"} in broken["links"]
    assert site.call("trace", "phantom-cxr@champion", check=3)["error"]["code"] == "no_champion"
    assert site.call("trace", "phantom-cxr@7", check=2)["error"]["code"] == "unknown_version"
    assert site.call("trace", "phantom-cxr", check=2)["error"]["code"] == "version_missing"
