"""The static facts of the backbones, held against torchvision's own registry."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import torchvision

from radloop.models.backbones import published
from radloop.models.imagenet import DEVIATION, MEAN
from radloop.use_case.families import BACKBONES, FAMILIES, backbone_problem, family

TORCHVISION = [name for name in BACKBONES if name != "efficientnet-lite0"]


def test_every_member_of_a_family_is_there_and_none_is_invented() -> None:
    pattern = r"(resnet\d|densenet|vgg|inception|efficientnet|convnext|mobilenet|vit_)"
    theirs = {name for name in torchvision.models.list_models(module=torchvision.models) if re.match(pattern, name)}
    assert theirs - set(TORCHVISION) == {"vit_h_14"}
    assert set(TORCHVISION) <= theirs
    assert len(BACKBONES) == sum(len(found.members) for found in FAMILIES)


def test_every_file_of_weights_carries_its_hash() -> None:
    assert all(re.fullmatch(r"[0-9a-f]{8,}", published(name).sha256) for name in TORCHVISION)


def test_who_expects_values_of_minus_one_to_one() -> None:
    """Inception's own class converts ImageNet's values, so that its preset does not say so."""
    for name in set(TORCHVISION) - {"inception_v3"}:
        preset = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"].transforms()
        expected = ((0.5,) * 3, (0.5,) * 3) if family(name).symmetric else (MEAN, DEVIATION)
        assert (tuple(preset.mean), tuple(preset.std)) == expected


@pytest.mark.parametrize(
    ("name", "size", "mask_stride", "words"),
    [
        ("resnet50", 32, 2, None),
        ("vgg11", 32, 4, None),
        ("vit_b_16", 224, None, None),
        ("convnext_tiny", 224, 4, None),
        ("inception_v3", 75, None, None),
        ("inception_v3", 74, None, "inception_v3 takes images of at least 75 pixels, not 74"),
        ("vit_b_16", 100, None, "vit_b_16 cuts images into patches of 16 pixels, and 100 is not a multiple of it"),
        ("convnext_tiny", 224, 2, "convnext_tiny has no feature map finer than stride 4, and the mask has stride 2"),
        ("vit_b_32", 224, 8, "vit_b_32 has no pyramid of feature maps that a decoder could join"),
        ("resnet-50", 224, None, "no backbone 'resnet-50': did you mean 'resnet50'?"),
    ],
)
def test_what_cannot_work_is_said_in_words(name: str, size: int, mask_stride: int | None, words: str | None) -> None:
    problem = backbone_problem(name, size, mask_stride)
    assert problem is None if words is None else problem is not None and problem.startswith(words)


def test_reading_a_yaml_loads_no_torch() -> None:
    code = "import sys, radloop.use_case.families; sys.exit(bool({'torch', 'torchvision', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
