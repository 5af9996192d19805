"""The reading page where API keys are on, in a real browser."""

from __future__ import annotations

import shutil
from pathlib import Path

from conftest import need_command
from playwright.sync_api import expect, sync_playwright

from radloop.inference.api_keys import issue
from radloop.serving.app import create_app
from radloop.settings import Settings
from tests.bundles import make_bundle, make_images
from tests.image_files import make_dicom
from tests.services import point, thread_service


def test_the_page_asks_for_a_key_and_reads_with_it(tmp_path: Path) -> None:
    need_command("chromium", "chromium")
    settings = Settings(root=tmp_path, home=tmp_path / ".radloop")
    point(make_bundle(settings.bundles, seed=1))
    _, key = issue("page", settings)
    image = tmp_path / "image.dcm"
    image.write_bytes(make_dicom(make_images(1, seed=9, size=256)[0], stored=8))
    with thread_service(create_app(settings)) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{url}/read")
        page.set_input_files("#file", image)
        expect(page.locator("#result")).to_contain_text("key_missing")
        page.get_by_label("API key").fill(key)
        page.get_by_role("button", name="Use it in this tab").click()
        expect(page.locator("#result")).to_contain_text("Probability")
        expect(page.locator("#keys")).to_be_hidden()
        expect(page.locator("#picture")).to_be_visible()  # the preview had the key too
        browser.close()
