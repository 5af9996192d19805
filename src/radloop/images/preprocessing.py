"""From a displayed image to the network's input: the one code path that training and serving share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radloop.use_case import ImageSpec


def prepare(pixels: NDArray[np.uint8], spec: ImageSpec) -> NDArray[np.uint8]:
    """Resize an image to the network's square input.

    Pillow's bilinear filter widens with the reduction, so that it does not alias. The image is
    squashed, not padded: borders would let the network read the aspect ratio, which goes with the
    machine and the site. Grey values stay 0 to 255; normalisation is inside the exported graph.

    Args:
        pixels: uint8 [rows, columns], display domain.
        spec: the use case's image section; `size` is the side.

    Returns:
        uint8 [size, size], contiguous and writable.
    """
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.array(image.resize((spec.size, spec.size), Image.Resampling.BILINEAR))
