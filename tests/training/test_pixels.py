"""What the cache holds of a data version, decoded once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import make_raster
from installations import Installation

from radloop.data.manifest import Row, frame_of, write_manifest
from radloop.errors import IntegrityError
from radloop.images.preprocessing import prepare
from radloop.training.masks import squared
from radloop.training.pixels import Pixels, load_pixels
from radloop.use_case import UseCase

LOCATED: dict[str, Any] = {
    "location": {"stride": 4},
    "fusion": {"values": ["age", "sex", "fever"]},
    "clinical": {"fever": {"column": "temp", "unit": "Cel"}},
    "severity": {"levels": ["none", "some", "much"], "cuts": [0.1, 0.5]},
    "source": {"columns": {"mask": "mask", "extent": "extent"}},
}
NOISE = np.random.default_rng(1).integers(0, 256, (6, 48, 40)).astype(np.uint8)


def row(number: int, **more: Any) -> Row:
    facts = dict.fromkeys(("black", "saturated", "contrast", "sharpness", "mean", "border", "marker"), 0.5)
    made: dict[str, Any] = {
        "id": f"image-{number}",
        "path": f"images/{number}.png",
        "label": ["normal", "opacity"][number % 2],
        "patient": f"P{number}",
        "split": ["train", "train", "train", "tune", "calibrate", "test"][number],
        "format": "png",
        "rows": 48,
        "columns": 40,
        "bits": 8,
        "text": False,
        "sha256": "0",
        "pixels": "0",
        "dhash": "0",
        **facts,
    }
    return Row(**made | more)


def stored(place: Installation, use_case: UseCase, rows: list[Row]) -> None:
    """Write a data version's images, masks and manifest."""
    folder = place.settings.data / use_case.name
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number, pixels in enumerate(NOISE):
        (folder / "images" / f"{number}.png").write_bytes(make_raster(pixels))
    mask = np.zeros((48, 40), np.uint8)
    mask[12:36, 20:] = 255
    (folder / "masks" / "1.png").write_bytes(make_raster(mask))
    write_manifest(folder, frame_of(rows, use_case), use_case)


def test_images_and_what_is_known_of_them_in_the_manifests_order(cases, installation: Installation) -> None:
    use_case = cases.use_case()
    rows = [row(0), row(1, excluded="leak"), row(2, label=None), row(3), row(4), row(5)]
    stored(installation, use_case, rows)
    seen: list[tuple[int, int]] = []
    pixels = load_pixels(use_case, "v1", installation.settings, lambda done, total: seen.append((done, total)))
    assert seen == [(done, 5) for done in range(1, 6)]
    assert pixels.frame["id"].tolist() == [f"image-{number}" for number in (0, 2, 3, 4, 5)]
    for place, number in enumerate((0, 2, 3, 4, 5)):
        assert np.array_equal(pixels.images[place], prepare(NOISE[number], use_case.image))
    np.testing.assert_array_equal(pixels.truths, np.asarray([[0], [np.nan], [1], [0], [1]], np.float32))
    assert pixels.indices("train").tolist() == [0, 1]
    assert pixels.taught("train").tolist() == [0]
    assert (pixels.grades, pixels.clinical, pixels.inputs, pixels.masks) == (None, None, (), None)
    assert not pixels.images.flags.writeable


def test_the_cache_answers_without_the_images_and_knows_its_version(cases, installation: Installation) -> None:
    use_case = cases.use_case()
    stored(installation, use_case, [row(number) for number in range(6)])
    first = load_pixels(use_case, "v1", installation.settings)
    for number in range(6):
        (installation.settings.data / use_case.name / "images" / f"{number}.png").write_bytes(b"gone")
    again = load_pixels(use_case, "v1", installation.settings)
    assert np.array_equal(first.images, again.images)
    with pytest.raises(IntegrityError) as refused:
        load_pixels(use_case, "v2", installation.settings)
    assert refused.value.code == "data_changed"


def test_clinical_values_are_brought_to_the_mean_and_deviation_of_train(cases, installation: Installation) -> None:
    use_case = cases.use_case(**LOCATED)
    ages: list[float | None] = [20.0, 40.0, None, 90.0, 30.0, 30.0]
    rows = [row(n, age=age, sex="F" if n else None, clinical={"fever": 37.0 + n}) for n, age in enumerate(ages)]
    stored(installation, use_case, rows)
    pixels = load_pixels(use_case, "v1", installation.settings)
    age, sex, fever = pixels.inputs
    assert (age.mean, age.deviation) == (30.0, 10.0)  # of 20 and 40
    assert fever.mean == 38.0
    assert sex.words == ("F", "M", "O")
    assert pixels.clinical is not None
    np.testing.assert_allclose(pixels.clinical[:, :6], [
        [-1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 1],
        [0, 0, 1, 0, 0, 1],
        [6, 1, 1, 0, 0, 1],
        [0, 1, 1, 0, 0, 1],
        [0, 1, 1, 0, 0, 1],
    ])  # fmt: skip
    assert pixels.clinical[1, 6:].tolist() == [0, 1]


def test_masks_and_grades_say_where_nobody_knows(cases, installation: Installation) -> None:
    use_case = cases.use_case(**LOCATED)
    extents: list[float | None] = [0.0, 0.3, None, 0.5, 0.0, 0.0]
    more = [{"mask": "masks/1.png"} if number == 1 else {} for number in range(6)]
    rows = [row(n, extent=extents[n], clinical={"fever": None}, **more[n]) for n in range(6)]
    stored(installation, use_case, rows)
    seen: list[tuple[int, int]] = []
    pixels = load_pixels(use_case, "v1", installation.settings, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (1, 1)
    assert pixels.grades is not None
    assert pixels.grades.tolist() == [0, 1, -1, 2, 0, 0]
    assert pixels.masks is not None
    assert (pixels.masks[[0, 2, 4]] == 0).all()  # normal: nothing to outline
    assert (pixels.masks[[3, 5]] == 255).all()  # an opacity that nobody outlined
    expected = np.zeros((32, 32), np.uint8)
    expected[8:24, 16:] = 1
    assert np.array_equal(pixels.masks[1], expected)
    (installation.settings.data / use_case.name / "masks" / "1.png").write_bytes(b"gone")
    assert np.array_equal(load_pixels(use_case, "v1", installation.settings).masks, pixels.masks)


@pytest.mark.parametrize("content", [b"no image", None])
def test_a_mask_that_cannot_be_read_is_named_by_its_image(cases, installation: Installation, content: bytes | None) -> None:
    use_case = cases.use_case(**LOCATED)
    stored(installation, use_case, [row(n, clinical={"fever": None}, mask="masks/1.png") for n in range(6)])
    path = installation.settings.data / use_case.name / "masks" / "1.png"
    path.write_bytes(content) if content else path.unlink()
    with pytest.raises(IntegrityError) as refused:
        load_pixels(use_case, "v1", installation.settings)
    assert (refused.value.code, "image-0" in refused.value.message) == ("data_changed", True)
    assert not list(Path(installation.settings.place).rglob("*-masks-*[0-9a-f].npy"))


def test_a_mask_is_squashed_as_its_image_is(cases) -> None:
    spec = cases.use_case().image
    mask = np.zeros((128, 64), np.uint8)
    mask[40:72, 16:48] = 255
    small = squared(mask, spec.size)
    assert small.sum() == 8 * 16
    np.testing.assert_array_equal(small == 1, prepare(mask, spec) > 127)


def test_labels_are_for_one_known_output_only(cases) -> None:
    pixels = cases.pixels(6)
    assert pixels.labels.tolist() == pixels.truths[:, 0].tolist()
    with pytest.raises(ValueError, match="one output"):
        _ = cases.pixels(6, outputs=2).labels
    unknown = Pixels(pixels.images, np.full((6, 1), np.nan, np.float32), pixels.frame)
    with pytest.raises(ValueError, match="one output"):
        _ = unknown.labels
