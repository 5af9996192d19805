"""A U-Net decoder over a backbone's pyramid: where in the image the finding is."""

from __future__ import annotations

from torch import Tensor, nn

from radloop.models.backbones import Backbone

_WIDTHS = (128, 64, 32, 16, 16)
"""Channels of the blocks from coarse to fine: half of the library's own, with which a CPU takes two thirds longer for a step."""


class Decoder(nn.Module):
    """Blocks that enlarge the feature map, each joined by the encoder's map of its resolution, up to a stride.

    Ronneberger et al., "U-Net", MICCAI 2015, in the form of segmentation_models_pytorch.

    Args:
        backbone: whose maps it takes.
        stride: of the mask; not finer than the backbone's finest map.

    Attributes:
        marks: of the backbone's levels it takes, for `Backbone.pyramid`.
    """

    def __init__(self, backbone: Backbone, stride: int) -> None:
        # The library takes seconds to import, and most networks have no decoder.
        from segmentation_models_pytorch.base.initialization import initialize_decoder  # type: ignore[import-untyped]
        from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder  # type: ignore[import-untyped]

        super().__init__()
        levels = [level for level in backbone.levels() if level.stride >= stride]
        self.marks = tuple(level.mark for level in levels)
        channels = [level.channels for level in levels]
        widths = _WIDTHS[: len(levels) - 1]
        # The library ignores the first map, which it takes to be the image.
        self.unet = UnetDecoder([0, *channels], widths, n_blocks=len(widths))
        initialize_decoder(self.unet)
        self.last = nn.Conv2d(widths[-1], 1, kernel_size=3, padding=1)

    def forward(self, pyramid: list[Tensor]) -> Tensor:
        """Map the backbone's maps at `marks` to the mask's logits [N, 1, h, w], of the finest map's size."""
        logits: Tensor = self.last(self.unet([pyramid[0], *pyramid]))
        return logits
