"""`radloop predict` with many images at once."""

from __future__ import annotations

import io
import zipfile

from installations import Installation

from tests.bundles import make_bundle, make_facts, make_images
from tests.image_files import make_dicom, make_raster
from tests.services import point


def test_a_zip_of_slices_is_answered_sorted_and_summed_up(installation: Installation) -> None:
    point(make_bundle(installation.settings.bundles, use_case="phantom-cxr"))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number, image in enumerate(make_images(3, seed=4, size=128)):
            archive.writestr(f"Doe/{number}.dcm", make_dicom(image, stored=8, InstanceNumber=3 - number))
        archive.writestr("Doe/notes.txt", b"text")
    path = installation.root / "study.zip"
    path.write_bytes(stream.getvalue())
    found = installation.call("predict", str(path), "--use-case", "phantom-cxr", "--segment", check=3)
    assert [answer.get("error", {}).get("code") for answer in found["answers"]] == [None, None, None, "unknown_format"]
    assert found["answers"][0]["segmentation"] is None  # this model does not locate
    assert sorted(found["most_urgent"]) == [0, 1, 2]
    assert found["series"][0]["images"] == [2, 1, 0]


def test_a_region_and_a_target_ask_for_the_heat_map(installation: Installation) -> None:
    facts = make_facts()
    point(make_bundle(installation.settings.bundles, use_case="phantom-cxr"))
    path = installation.root / "one.png"
    path.write_bytes(make_raster(make_images(1, seed=4, size=256)[0]))
    asked = ["predict", str(path), "--use-case", "phantom-cxr"]
    assert installation.call(*asked)["explanation"] is None
    shown = installation.call(*asked, "--region", "contour")["explanation"]
    assert (shown["target"], shown["region"]["kind"]) == (facts.outputs[0], "contour") and shown["png"]
    assert installation.call(*asked, "--target", facts.outputs[0])["explanation"]["region"] is None
    refused = installation.call(*asked, "--target", "fracture", check=2)["error"]
    assert refused["hint"]
