"""Reading pretrained weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from radloop.errors import IntegrityError
from radloop.models.pretrained import TorchvisionWeights, lite0_weights, read, torchvision_weights


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture
def published(tmp_path: Path) -> TorchvisionWeights:
    """Return a tiny published file, named by its hash as torchvision names its own."""
    path = tmp_path / "weights.pth"
    torch.save({"a.denselayer1.norm.1.weight": torch.ones(2), "norm0.bias": torch.ones(1), "fc.weight": torch.ones(3)}, path)
    path = path.rename(tmp_path / f"net-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth")
    return TorchvisionWeights(path.as_uri())


def test_lite0_comes_with_its_package() -> None:
    assert lite0_weights()["stem.conv.weight"].shape == (32, 3, 3, 3)


def test_one_changed_byte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"weight": torch.zeros(1)}, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert read(path, digest)["weight"].item() == 0
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"weights\.pth"):
        read(path, digest)


def test_a_download_is_kept_and_old_names_become_new(
    cache: Path, published: TorchvisionWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RADLOOP_OFFLINE", raising=False)
    assert set(torchvision_weights(published)) == {"a.denselayer1.norm1.weight", "norm0.bias", "fc.weight"}
    monkeypatch.setenv("RADLOOP_OFFLINE", "1")
    assert set(torchvision_weights(published)) == {"a.denselayer1.norm1.weight", "norm0.bias", "fc.weight"}
    assert [file.name for file in cache.iterdir()] == [published.file.name]


def test_offline_says_where_the_file_belongs(cache: Path, published: TorchvisionWeights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADLOOP_OFFLINE", "1")
    with pytest.raises(FileNotFoundError, match=r"put the file from .*RADLOOP_OFFLINE is set"):
        torchvision_weights(published)


def test_a_failed_download_says_so_and_leaves_nothing(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RADLOOP_OFFLINE", raising=False)
    with pytest.raises(FileNotFoundError, match="pretrained: false"):
        torchvision_weights(TorchvisionWeights((tmp_path / "gone-00000000.pth").as_uri()))
    assert not list(cache.iterdir())
