"""The families of backbones and what each asks of an image: plain facts, read with the YAML, so nothing heavy is imported.

A name is torchvision's own (`torchvision.models.list_models`), but for `efficientnet-lite0`, which is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

from radloop.errors import nearest


@dataclass(frozen=True)
class Family:
    """Networks that differ in size only.

    Attributes:
        name: of the architecture.
        members: the backbones' names.
        stride: image pixels to one place of the feature map.
        minimum: the side of the smallest image that is taken, pixels.
        patch: the image's side must be a multiple of it.
        finest: the stride of the finest map a decoder can join, or None where the maps do not halve from one to the next.
        ends_in_relu: whether no feature is negative.
        symmetric: whether the published weights expect values of -1 to 1, not ImageNet's mean and deviation.
    """

    name: str
    members: tuple[str, ...]
    stride: int = 32
    minimum: int = 32
    patch: int = 1
    finest: int | None = 2
    ends_in_relu: bool = False
    symmetric: bool = False


FAMILIES = (
    Family("efficientnet-lite", ("efficientnet-lite0",), ends_in_relu=True),
    # He et al., CVPR 2016.
    Family("resnet", tuple(f"resnet{depth}" for depth in (18, 34, 50, 101, 152)), ends_in_relu=True),
    # Huang et al., CVPR 2017.
    Family("densenet", tuple(f"densenet{depth}" for depth in (121, 161, 169, 201)), ends_in_relu=True),
    # Simonyan and Zisserman, ICLR 2015.
    Family("vgg", tuple(f"vgg{depth}{bn}" for depth in (11, 13, 16, 19) for bn in ("", "_bn")), finest=1, ends_in_relu=True),
    # Szegedy et al., CVPR 2016. Its convolutions without padding make maps of odd sides, such as 35 and 17.
    Family("inception", ("inception_v3",), minimum=75, finest=None, ends_in_relu=True, symmetric=True),
    # Tan and Le, ICML 2019 and 2021; the largest alone was published for values of -1 to 1.
    Family("efficientnet", (*(f"efficientnet_b{n}" for n in range(8)), "efficientnet_v2_s", "efficientnet_v2_m")),
    Family("efficientnet", ("efficientnet_v2_l",), symmetric=True),
    # Liu et al., CVPR 2022. The first convolution has stride 4.
    Family("convnext", tuple(f"convnext_{size}" for size in ("tiny", "small", "base", "large")), finest=4),
    # Sandler et al., CVPR 2018, and Howard et al., ICCV 2019.
    Family("mobilenet", ("mobilenet_v2",), ends_in_relu=True),
    Family("mobilenet", ("mobilenet_v3_small", "mobilenet_v3_large")),
    # Dosovitskiy et al., ICLR 2021. vit_h_14 is left out: its only weights may not be used commercially.
    Family("vit", ("vit_b_16", "vit_l_16"), stride=16, minimum=16, patch=16, finest=None),
    Family("vit", ("vit_b_32", "vit_l_32"), patch=32, finest=None),
)

_BY_NAME = {member: family for family in FAMILIES for member in family.members}
BACKBONES = tuple(sorted(_BY_NAME))
"""The known names, sorted."""


def family(name: str) -> Family:
    """Return the family of a backbone.

    Raises:
        ValueError: no backbone has this name; the message names the nearest.
    """
    if name not in _BY_NAME:
        raise ValueError(f"no backbone '{name}': {nearest(name, BACKBONES)}")
    return _BY_NAME[name]


def backbone_problem(name: str, size: int, mask_stride: int | None = None) -> str | None:
    """Say in words why a backbone cannot be used, or return None where it can.

    Args:
        name: of the backbone.
        size: side of the square images, pixels.
        mask_stride: of the mask that a decoder has to draw; None without a decoder.
    """
    try:
        found = family(name)
    except ValueError as error:
        return str(error)
    if size < found.minimum:
        return f"{name} takes images of at least {found.minimum} pixels, not {size}"
    if size % found.patch:
        return f"{name} cuts images into patches of {found.patch} pixels, and {size} is not a multiple of it"
    if mask_stride is not None and found.finest is None:
        return f"{name} has no pyramid of feature maps that a decoder could join; resnet, densenet or efficientnet have one"
    if mask_stride is not None and found.finest is not None and mask_stride < found.finest:
        return f"{name} has no feature map finer than stride {found.finest}, and the mask has stride {mask_stride}"
    return None
