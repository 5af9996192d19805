"""The network that all answer with, and where a peer finds it."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from radloop.models.backbones import build_backbone, pretrained_available
from radloop.models.network import Head, Network

SIZE = 224
FOLDER, PRECISION = "BENCH_FOLDER", "BENCH_PRECISION"
"""Environment variables: of the plain graph's folder, and of the precision that it runs in."""


def build() -> Network:
    """Return DenseNet-121 with one output; random weights where ImageNet's are not on this machine."""
    torch.manual_seed(1)
    backbone = build_backbone("densenet121", pretrained=pretrained_available("densenet121"), size=SIZE)
    return Network(backbone, Head(backbone.channels, 1)).eval()


def graph() -> Path:
    """Return the plain graph, which gives a logit and nothing else."""
    return Path(os.environ[FOLDER]) / "plain.xml"


def precision() -> str:
    """Return the precision that was asked for."""
    return os.environ[PRECISION]
