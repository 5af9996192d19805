"""The installation under load: two approved versions of a small phantom model, changed by the commands that people type."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radloop.data.phantoms import write_phantoms
from radloop.inference.pointer import Pointer, read_pointer
from radloop.inference.predictor import Predictor
from tests.image_files import make_dicom, make_raster
from tests.installations import Installation, make_installation, small_phantom_config, write_use_case

UC = "phantom-cxr"
READER = ("--by", "Dr. A. Reader", "--note", "mixed load")
GOOD = 12
VALUES = {"age": 54.0, "sex": "F"}
Expected = dict[str, dict[str, list[float]]]
"""By bundle, then with or without clinical values ("plain", "values"): the probability that it gives each good image."""


@dataclass(frozen=True)
class Site:
    """An installation with two versions, the second of them champion.

    Attributes:
        installation: whose commands are run, each in a process of its own.
        good: images that both versions answer, DICOM.
        expected: what each version says of them.
    """

    installation: Installation
    good: list[bytes]
    expected: Expected

    def switch(self, turn: int) -> tuple[str, str | None]:
        """Roll back on even turns, deploy the second version again on odd ones; return the command, and what went wrong with it."""
        words = ("rollback", UC, *READER) if turn % 2 == 0 else ("deploy", UC, "2")
        done = self.installation.run(*words, "--json")
        return words[0], None if done.returncode == 0 else f"{words[0]}: exit {done.returncode} {done.stdout[-200:]}"


def make_site(folder: Path) -> Site:
    """Train two versions, approve both and deploy one after the other: the first becomes what a rollback returns to."""
    installation, source = make_installation(folder / "site"), folder / "phantoms"
    write_phantoms(source, n=120, seed=1)
    pointers = []
    for version, rate in ((1, 0.003), (2, 0.001)):
        config = small_phantom_config()
        config["search"]["recipe"]["learning_rate"] = rate  # another model of the same data
        write_use_case(installation.root / "configs" / "use_cases", config)
        installation.run("retrain", UC, "--source", str(source), check=0)
        installation.run("review", "approve", UC, str(version), *READER, check=0)
        installation.run("deploy", UC, check=0)
        pointers.append(served(installation))
    good = good_images(folder / "good")
    predictors = {pointer.bundle: Predictor(pointer.folder(installation.settings.bundles)) for pointer in pointers}
    expected = {
        bundle: {
            kind: [predictor.predict(image, values).findings[0].probability for image in good]
            for kind, values in (("plain", None), ("values", VALUES))
        }
        for bundle, predictor in predictors.items()
    }
    return Site(installation, good, expected)


def served(installation: Installation) -> Pointer:
    """Return what the installation serves."""
    pointer = read_pointer(installation.settings.bundles, UC)
    if pointer is None:
        raise SystemExit(f"{UC} is not served")
    return pointer


def good_images(folder: Path) -> list[bytes]:
    """Return phantoms that no version was trained on, as they were written."""
    write_phantoms(folder, n=60, seed=2)
    return [path.read_bytes() for path in sorted((folder / "images").iterdir())[:GOOD]]


def bad_inputs(good: bytes) -> dict[str, tuple[bytes, set[int]]]:
    """Return files that do not belong, by what they are, and which statuses refuse them; one is `good` with 11 MB behind it."""
    image = make_raster(np.random.default_rng(3).integers(0, 256, (512, 512), dtype=np.uint8))
    bomb = bytearray(image)
    bomb[16:24] = (60000).to_bytes(4) * 2  # the header of a PNG says so many columns and rows
    speckle = np.random.default_rng(4).integers(0, 4096, (256, 256), dtype=np.uint16)
    head = make_dicom(speckle, Modality="MR", BodyPartExamined="HEAD")
    return {
        "text": (b"this is no image", {415}),
        "truncated": (image[: len(image) // 2], {415, 422}),
        "empty": (b"", {400, 415, 422}),
        "bomb": (bytes(bomb), {413, 415, 422}),
        "blank": (make_raster(np.zeros((512, 512), dtype=np.uint8)), {422}),
        "head MRI": (head, {422}),
        "too large": (good + bytes(11_000_000), {413}),
    }
