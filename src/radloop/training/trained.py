"""The network that a search kept, for what comes after training: nothing that trains is imported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import load_file

from radloop.clinical import ClinicalInput
from radloop.models.build import build_network
from radloop.models.network import Network
from radloop.records.runs import Run
from radloop.training.result import SearchResult
from radloop.use_case import Recipe, UseCase


def weights_file(run: Run, result: SearchResult) -> Path:
    """Return the best trial's weights."""
    return run.folder / result.weights


def load_trained(weights: Path, use_case: UseCase, recipe: Recipe, inputs: Sequence[ClinicalInput]) -> Network:
    """Return the trained network, in evaluation mode."""
    network = build_network(use_case, recipe, inputs, pretrained=False)
    network.load_state_dict(load_file(weights))
    return network.eval()
