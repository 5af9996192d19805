"""The reading page in a real browser, as a clinician uses it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import Loop, need_command
from playwright.sync_api import Browser, Page, expect, sync_playwright

from radloop.client import Client
from radloop.inference.api_keys import issue
from radloop.serving.app import create_app
from radloop.settings import Settings
from tests.bundles import KINDS, make_bundle, make_images
from tests.image_files import make_dicom, make_raster
from tests.services import point, thread_service
from tests.serving.reading.conftest import CLIP, LUNG

IMAGE = make_images(1, seed=9, size=256)[0]
OURS = ("#title", "#notices", "#viewer", "#timeline", "#result", "#cases", "#saver")
LISTED = ("#label-viewer", "#label-rows", "#label-row", "#label-told")
"""The parts of the page that are not Gradio's."""
FADE = "document.querySelectorAll('.html-container').forEach(one => one.classList.add('pending'))"
"""What Gradio does to all that stands while the next image is read."""
PATIENCE = 30_000.0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    need_command("chromium", "chromium")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Settings, str]]:
    """A service of two use cases that asks for a key; its address, settings and a key."""
    home = tmp_path_factory.mktemp("read") / ".radloop"
    for kind in ("fusion", "location"):
        point(make_bundle(home / "bundles", **KINDS[kind]))
    settings = Settings(root=home.parent, home=home)
    with thread_service(create_app(settings)) as url:
        yield url, settings, issue("page", settings)[1]


def opened(browser: Browser, url: str, scheme: str = "light", width: int = 1360) -> Page:
    page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()  # type: ignore[arg-type]
    page.set_default_timeout(PATIENCE)
    page.goto(f"{url}/read")
    expect(page.locator("#result")).to_contain_text("No image yet")
    return page


def drop(page: Page, *files: Path) -> None:
    page.set_input_files("#drop input[type=file]", list(files))


def pick(page: Page, use_case: str) -> None:
    page.get_by_label("Use case").click()
    page.get_by_role("option", name=use_case).click()


def test_a_file_is_read_corrected_and_exported(browser: Browser, served: tuple[str, Settings, str], tmp_path: Path) -> None:
    url, _, key = served
    dicom, png, text = (tmp_path / name for name in ("one.dcm", "two.png", "three.png"))
    dicom.write_bytes(make_dicom(IMAGE, stored=8))
    png.write_bytes(make_raster(IMAGE))
    text.write_bytes(b"text")
    page = opened(browser, url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    expect(page.get_by_text("This service asks for an API key.")).to_be_visible()
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Use this key").click()
    expect(page.get_by_text("This service asks for an API key.")).to_be_hidden()
    drop(page, dicom, png, text)
    expect(page.locator("#cases li")).to_have_count(3)
    expect(page.locator("#result")).to_contain_text("Several use cases take this image.")
    pick(page, "COVID-19 on the chest radiograph")
    expect(page.locator("#result")).to_contain_text("Severity")
    expect(page.locator(".stage")).to_have_attribute("aria-label", "Image of 256 by 256 pixels, heat map for COVID-19")
    page.get_by_role("button", name="Clinical values").click()
    page.get_by_label("Temperature, Cel").fill("38.5")
    page.get_by_label("Age, years").fill("54")
    page.get_by_role("button", name="Ask again with these values").click()
    expect(page.locator("#result")).to_contain_text("Not known: intubated;")
    page.get_by_role("button", name="Agree").click()
    expect(page.locator("#said")).to_contain_text("Thank you, noted:")
    with page.expect_download() as saving:
        page.get_by_role("button", name="Save as JSON").click()
    document = json.loads(Path(saving.value.path()).read_text())
    assert document["answer"]["use_case"] == "covid-cxr" and document["not_a_medical_device"]
    with page.expect_download() as saving:
        page.get_by_role("button", name="Save as DICOM SR").click()
    assert Path(saving.value.path()).read_bytes()[128:132] == b"DICM"
    page.locator("#cases button", has_text="three.png").click()
    expect(page.locator("#result")).to_contain_text("neither DICOM, PNG, JPEG nor a video")
    assert all(one.startswith((url, "blob:", "data:")) for one in asked)  # nothing from elsewhere


def test_window_level_zoom_and_heat_map_change_what_is_seen(
    browser: Browser, served: tuple[str, Settings, str], tmp_path: Path
) -> None:
    url, _, key = served
    image = tmp_path / "image.png"
    image.write_bytes(make_raster(IMAGE))
    page = opened(browser, url)
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Use this key").click()
    pick(page, "Stone on CT of the kidneys")
    drop(page, image)
    expect(page.locator(".stage")).to_have_attribute("aria-label", "Image of 256 by 256 pixels, heat map for stone")

    def pixel() -> list[int]:
        script = "() => [...document.querySelector('.viewer .image').getContext('2d').getImageData(128, 128, 1, 1).data]"
        found: list[int] = page.evaluate(script)
        return found

    heated = pixel()
    page.get_by_role("slider", name="Heat map").fill("0")
    grey = int(IMAGE[128, 128])
    assert heated != pixel() == [grey, grey, grey, 255]
    page.get_by_role("slider", name="Level").fill("255")  # the grey falls by half the window's width
    assert pixel()[0] == max(0, grey - 128)
    page.get_by_label("Invert").check()
    assert pixel()[0] == 255 - max(0, grey - 128)
    page.get_by_role("slider", name="Zoom").fill("4")
    assert "scale(4)" in str(page.locator(".viewer .image").get_attribute("style"))
    page.get_by_role("button", name="Reset the view").click()
    assert "scale(1)" in str(page.locator(".viewer .image").get_attribute("style"))


def test_a_label_list_is_gone_through_with_its_images(
    browser: Browser, served: tuple[str, Settings, str], tmp_path: Path
) -> None:
    url, _, key = served
    rows, files = ["request_id,label,path,score,why"], []
    with Client(url, key=key) as client:
        for number, image in enumerate(make_images(2, seed=5, size=256)):
            files.append(tmp_path / f"stone {number} (1).png")
            files[-1].write_bytes(make_raster(image))
            request = client.predict(files[-1], "kidney-stone-ct").request_id
            rows.append(f"{request},,/sent/{files[-1].name},0.5,unsure (0.60); stands for 3 answers")
    table = tmp_path / "queue.csv"
    table.write_text("\n".join([*rows, ""]))
    page = opened(browser, url)
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Use this key").click()
    page.get_by_role("tab", name="Label list").click()
    page.get_by_label("Use case of the list").click()
    page.get_by_role("option", name="Stone on CT of the kidneys").click()
    page.set_input_files("#label-drop input[type=file]", [table, *files])
    expect(page.locator("#label-row")).to_contain_text("Row 1 of 2")
    expect(page.locator("#label-row li")).to_have_text(["unsure (0.60)", "stands for 3 answers"])
    expect(page.locator("#label-viewer .stage")).to_have_attribute("aria-label", "Image of 256 by 256 pixels")
    page.get_by_label("What it shows").click()
    page.get_by_role("option", name="stone").click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Send and go on").click()
    expect(page.locator("#label-told")).to_contain_text("Row 1: Thank you, noted: stone.")
    expect(page.locator("#label-row")).to_contain_text("Row 2 of 2")
    expect(page.locator("#label-rows")).to_contain_text("1 of 2 labels sent")
    page.get_by_role("button", name="Send and go on").click()
    expect(page.locator("#label-told")).to_contain_text("a row without a label is no finding")
    with page.expect_download() as saving:
        page.get_by_role("button", name="Save as CSV").click()
    assert saving.value.suggested_filename == "queue-labelled.csv"
    assert [line.split(",")[1] for line in Path(saving.value.path()).read_text().splitlines()] == ["label", "stone", ""]
    expect(page.locator("#label-told")).to_contain_text("Saved as queue-labelled.csv")
    assert faults(page, LISTED) == []


def test_a_clip_is_read_and_its_timeline_seen(browser: Browser, tmp_path: Path) -> None:
    home, file = tmp_path / ".radloop", tmp_path / "clip.avi"
    point(make_bundle(home / "bundles", **LUNG))
    file.write_bytes(CLIP)
    with thread_service(create_app(Settings(root=tmp_path, home=home))) as url:
        page = opened(browser, url, width=390)
        drop(page, file)
        expect(page.locator("#timeline figcaption")).to_contain_text("Highest at")
        expect(page.locator("#timeline")).to_contain_text("Refused: 1 of 10 frames, at 0.0 s: blank image (1).")
        expect(page.locator("#viewer")).to_be_hidden()
        plot, peak = (page.locator(f"#timeline .plot{part}").bounding_box() for part in ("", " .peak"))
        assert plot is not None and peak is not None and page.evaluate("document.documentElement.scrollWidth") <= 390
        assert plot["x"] - 6 <= peak["x"] <= plot["x"] + plot["width"] + 6 and plot["height"] > 100
        page.locator("#timeline summary", has_text="As a table").click()
        expect(page.locator("#timeline tbody tr")).to_have_count(5)  # five seconds
        page.get_by_role("button", name="Agree").click()
        expect(page.locator("#said")).to_contain_text("Thank you, noted:")
        expect(page.get_by_role("button", name="Save as DICOM SR")).to_be_hidden()
        with page.expect_download() as saving:
            page.get_by_role("button", name="Save as JSON").click()
        assert len(json.loads(Path(saving.value.path()).read_text())["clip"]["timeline"]) == 10
        dark = opened(browser, url, "dark")
        drop(dark, file)
        dark.locator("#timeline summary", has_text="As a table").click()
        assert faults(page, OURS) == faults(dark, OURS) == []
        for each in (page, dark):
            each.context.close()


def faults(page: Page, parts: tuple[str, ...]) -> list[tuple[str, object]]:
    """Return what axe (Deque) finds with its default rules that is serious."""
    found = Axe().run(page, context={"include": [[one] for one in parts]}).response["violations"]
    return [(one["id"], node["target"]) for one in found if one["impact"] in ("serious", "critical") for node in one["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_ours_has_no_serious_accessibility_fault(browser: Browser, loop: Loop, scheme: str, tmp_path: Path) -> None:
    """On the loop's phantoms."""
    home = tmp_path / ".radloop"
    point(make_bundle(home / "bundles", **KINDS["multilabel"]))
    images = sorted(Path(loop.source).rglob("*.dcm"))[:2]
    with thread_service(create_app(Settings(root=tmp_path, home=home))) as url:
        page = opened(browser, url, scheme, width=390)
        drop(page, *images)
        expect(page.locator(".stage")).to_have_attribute("aria-label", "Image of 256 by 256 pixels, heat map for nodule")
        page.evaluate(FADE)
        found = faults(page, OURS)
        page.context.close()
    assert found == []
