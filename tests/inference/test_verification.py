"""Every byte counts, and an error says whose."""

from __future__ import annotations

from pathlib import Path

import pytest

from radloop.errors import IntegrityError
from radloop.inference.verification import verify, verify_bundle
from radloop.records.seal import digest_files, write_sealed
from tests.bundles import make_bundle, write_approval, write_evidence


def flip(path: Path, place: int | None = None) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if place is None else place] ^= 1
    path.write_bytes(bytes(content))


def refusal(folder: Path) -> IntegrityError:
    with pytest.raises(IntegrityError) as caught:
        verify(folder)
    return caught.value


def test_what_belongs_together_is_verified(sealed: Path) -> None:
    verified = verify(sealed)
    assert verified.bundle.digest == f"sha256:{sealed.name}"
    assert (verified.version, verified.approval.by) == (1, "Dr. Reviewer")
    assert verified.evidence == verified.approval.evidence
    assert verify_bundle(sealed) == verified.bundle


@pytest.mark.parametrize("name", ["model.bin", "model.xml", "bundle.json", "selftest.npz", "reference.json"])
@pytest.mark.parametrize("place", [None, 0, -1])
def test_one_flipped_byte_of_the_bundle_is_named(folder: Path, name: str, place: int | None) -> None:
    flip(folder / "bundle" / name, place)
    error = refusal(folder)
    assert error.code == "tampered_bundle"
    assert name in error.message
    assert not [other for other in digest_files(folder / "bundle") if other != name and other in error.message]


@pytest.mark.parametrize("what", ["evidence", "approval"])
@pytest.mark.parametrize("place", [None, 0, -1])
def test_one_flipped_byte_of_a_sealed_document_is_named(folder: Path, what: str, place: int | None) -> None:
    flip(folder / f"{what}.json", place)
    error = refusal(folder)
    assert error.code == f"tampered_{what}"
    assert what in error.message


def test_a_flipped_byte_without_evidence_still_names_the_bundle(folder: Path) -> None:
    (folder / "evidence.json").unlink()
    flip(folder / "bundle" / "model.bin")
    assert refusal(folder).code == "tampered_bundle"


def test_missing_and_additional_files_are_named(folder: Path) -> None:
    (folder / "bundle" / "reference.npz").unlink()
    (folder / "bundle" / "model.pkl").write_bytes(b"")
    error = refusal(folder)
    assert error.code == "tampered_bundle"
    assert "model.pkl, reference.npz" in error.message


@pytest.mark.parametrize("what", ["evidence", "approval"])
def test_missing_documents(folder: Path, what: str) -> None:
    (folder / f"{what}.json").unlink()
    assert refusal(folder).code == f"missing_{what}"


def test_a_missing_bundle(tmp_path: Path) -> None:
    assert refusal(tmp_path / "tb-cxr" / ("0" * 64)).code == "missing_bundle"


def test_sealed_again_is_not_approved(folder: Path) -> None:
    write_evidence(folder, verdict="rejected")
    assert refusal(folder).code == "foreign_approval"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"bundle": "sha256:" + "0" * 64}, "foreign_approval"),
        ({"use_case": "stroke-ct"}, "foreign_approval"),
        ({"evidence": "sha256:" + "0" * 64}, "foreign_approval"),
        ({"decision": "reject"}, "tampered_approval"),
        ({"verdict": "rejected"}, "tampered_approval"),
        ({"by": ""}, "tampered_approval"),
        ({"version": 0}, "tampered_approval"),
        ({"also": "this"}, "tampered_approval"),
    ],
)
def test_an_approval_of_something_else(folder: Path, changes: dict[str, object], code: str) -> None:
    write_approval(folder, **changes)
    assert refusal(folder).code == code


def test_evidence_of_another_bundle(folder: Path) -> None:
    write_evidence(folder, bundle={"digest": "sha256:" + "0" * 64, "files": {}})
    write_approval(folder)
    assert refusal(folder).code == "foreign_evidence"


@pytest.mark.parametrize("bundle", [None, [], "sha256:", {"files": 3}])
def test_evidence_without_a_bundle(folder: Path, bundle: object) -> None:
    write_sealed(folder / "evidence.json", {"schema_version": 1, "bundle": bundle})
    assert refusal(folder).code == "foreign_evidence"


def test_a_bundle_in_the_folder_of_another_use_case(folder: Path) -> None:
    moved = folder.parent.with_name("stroke-ct") / folder.name
    moved.parent.mkdir()
    folder.rename(moved)
    assert refusal(moved).code == "foreign_bundle"


def test_evaluation_needs_the_bundle_only(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path, approve=False)
    assert verify_bundle(folder).digest == f"sha256:{folder.name}"
    assert refusal(folder).code == "missing_evidence"
