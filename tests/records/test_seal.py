"""Canonical JSON and seals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from radloop.errors import IntegrityError
from radloop.records.seal import canonical, digest_bytes, digest_folder, read_sealed, seal, write_atomic, write_sealed


def test_canonical_form_is_the_same_for_equal_documents() -> None:
    assert canonical({"b": 1, "a": [1.5, None, "ä"]}) == '{"a":[1.5,null,"ä"],"b":1}\n'.encode()
    assert canonical({"a": [1.5, None, "ä"], "b": 1}) == canonical({"b": 1, "a": [1.5, None, "ä"]})


def test_canonical_form_refuses_nan() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        canonical({"a": float("nan")})


def test_digest_is_sha256() -> None:
    # sha256 of the empty string, FIPS 180-4
    assert digest_bytes(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_every_flipped_byte_of_a_sealed_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "evidence.json"
    document = write_sealed(path, {"auroc": 0.95, "use_case": "tb-cxr"})
    assert read_sealed(path, "evidence") == document
    content = path.read_bytes()
    for position in range(len(content)):
        path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        with pytest.raises(IntegrityError) as caught:
            read_sealed(path, "evidence")
        assert caught.value.code == "tampered_evidence"


def test_white_space_and_a_recomputed_layout_are_found(tmp_path: Path) -> None:
    path = tmp_path / "approval.json"
    document = write_sealed(path, {"by": "A"})
    path.write_text(json.dumps(document, indent=1))
    with pytest.raises(IntegrityError, match=r"approval: approval\.json is not what was sealed"):
        read_sealed(path, "approval")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError) as caught:
        read_sealed(tmp_path / "evidence.json", "evidence")
    assert caught.value.code == "missing_evidence"


def test_seal_ignores_a_former_seal() -> None:
    assert seal(seal({"a": 1})) == seal({"a": 1})


def test_folder_digest_sees_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    first = digest_folder(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert digest_folder(tmp_path) != first
    (tmp_path / "b").rename(tmp_path / "a")
    assert digest_folder(tmp_path) == first
    (tmp_path / "a").write_text("2")
    assert digest_folder(tmp_path) != first


def test_atomic_write_leaves_nothing_beside(tmp_path: Path) -> None:
    write_atomic(tmp_path / "new" / "file", b"x")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]
