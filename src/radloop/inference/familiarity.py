"""Whether an image is like those that a model was made for, by its embedding: a hand sent to a chest model is not."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from radloop.errors import InadmissibleImage, IntegrityError
from radloop.statistics.familiarity import Familiar
from radloop.use_case import Section

FAMILIAR = "familiar.npz"
_ARRAYS = ("mean", "axes", "variances", "rest")


class FamiliarityFacts(Section):
    """What a bundle knows of the images that it is asked about in good faith."""

    share: float
    """Of such images, how many the limit admits at the least."""
    limit: float = Field(gt=0, allow_inf_nan=False)
    """Of the distance; see `statistics.familiarity`."""
    components: int = Field(ge=1)
    n: int = Field(ge=1)
    """Images of `train` that the distance was fitted on."""
    held: int = Field(ge=1)
    """Images of `tune` and `calibrate` that the limit was fitted on."""


def write_familiar(content: Path, familiar: Familiar) -> None:
    """Write what is familiar into the folder that will be digested."""
    np.savez(
        content / FAMILIAR,
        mean=familiar.mean.astype(np.float32),
        axes=familiar.axes.astype(np.float32),
        variances=familiar.variances,
        rest=np.float64(familiar.rest),
    )


def read_familiar(content: bytes) -> Familiar:
    """Read what is familiar from the bytes of its file.

    Raises:
        IntegrityError: `tampered_bundle`: they are not what was written.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            mean, axes, variances, rest = (np.asarray(archive[name], dtype=np.float64) for name in _ARRAYS)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise IntegrityError(
            "tampered_bundle", f"bundle: {FAMILIAR} cannot be read", "restore the bundle from its copy in MLflow"
        ) from error
    return Familiar(mean, axes, variances, float(rest))


def check_familiar(embedding: NDArray[np.float32], familiar: Familiar, facts: FamiliarityFacts) -> None:
    """Refuse an image that is unlike all that the model learnt from.

    Raises:
        InadmissibleImage: `unfamiliar_image`.
    """
    distance = float(familiar.distance(embedding))
    if not distance <= facts.limit:
        raise InadmissibleImage(
            "unfamiliar_image",
            f"the image is unlike those that this model learnt from: its distance is {distance:.1f}, and {facts.share:.0%} of "
            f"such images lie within {facts.limit:.1f}",
            "check that it shows what the use case is for, upright and whole",
        )
