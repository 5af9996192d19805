"""A vision transformer's tokens as a feature map."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TokenMap(nn.Module):
    """A ViT whose patch tokens, normalised after the last layer, lie where their patches lay.

    The class token takes part in the attention and is left out at the end: a head reads the mean of the patch tokens, so
    that each place of the image has a share of the logit. (Dosovitskiy et al., ICLR 2021, appendix D.3, found both
    readings equally good.) Grad-CAM over such a map is the gradient-weighted sum of tokens; a token has seen the whole
    image, so that the map says where evidence was gathered, less sharply than a convolution's.
    """

    def __init__(self, patches: nn.Module, class_token: nn.Parameter, encoder: nn.Module) -> None:
        super().__init__()
        self.conv_proj = patches
        self.class_token = class_token
        self.encoder = encoder

    def forward(self, x: Tensor) -> Tensor:
        """Map pixels [N, 3, S, S] to tokens [N, C, S / patch, S / patch]; S is the size that the encoder was made for."""
        patches: Tensor = self.conv_proj(x)
        tokens = patches.flatten(2).transpose(1, 2)
        whole = torch.cat([self.class_token.expand(tokens.shape[0], -1, -1), tokens], dim=1)
        seen: Tensor = self.encoder(whole)[:, 1:]
        return seen.transpose(1, 2).reshape(patches.shape)
