"""Photographs of the reading page for the manual: python -m benchmarks.screenshots, or make screenshots.

It serves a champion of phantom-cxr if this installation has one, else makes a small installation in a temporary folder (the
loop on 120 phantoms, minutes), and writes docs/images/reading-{desktop,phone}-{light,dark}.png: phantoms only, no patient.
What axe finds in Gradio's own parts is printed, for docs/reading.md.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from axe_playwright_python.sync_playwright import Axe
from installations import Installation, make_installation
from services import thread_service

from radloop.data.phantoms import write_phantoms
from radloop.inference.pointer import read_pointer
from radloop.serving.app import create_app
from radloop.settings import Settings

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
SIZES = {"desktop": (1360, 900), "phone": (390, 844)}
_MOST = 200_000


def main() -> None:
    """Write the four pictures."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "phantoms"
        write_phantoms(source, n=120, seed=5)
        settings = _settings(Path(folder), source)
        files = [path for label in ("positive", "negative") for path in _images(source, label)[:2]]
        with thread_service(create_app(settings)) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            for width in SIZES:
                for scheme in ("light", "dark"):
                    _photograph(browser, url, files, width, scheme)
            browser.close()


def _settings(folder: Path, source: Path) -> Settings:
    here = Settings()
    if read_pointer(here.bundles, "phantom-cxr") is not None:
        return Settings(root=here.root, home=here.place, record_key="not recorded for good")
    site: Installation = make_installation(folder / "site")
    site.call("retrain", "phantom-cxr", "--source", str(source))
    site.call("review", "approve", "phantom-cxr", "1", "--by", "Screenshots", "--note", "phantoms only")
    site.call("deploy", "phantom-cxr")
    return site.settings


def _images(source: Path, label: str) -> list[Path]:
    rows = [row.split(",") for row in (source / "manifest.csv").read_text().splitlines()]
    names = rows[0]
    words = sorted({row[names.index("label")] for row in rows[1:]})
    word = words[0] if label == "negative" else words[-1]
    return [source / row[names.index("path")] for row in rows[1:] if row[names.index("label")] == word]


def _photograph(browser: Browser, url: str, files: list[Path], width: str, scheme: str) -> None:
    across, down = SIZES[width]
    context = browser.new_context(viewport={"width": across, "height": down}, color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{url}/read")
    page.set_input_files("#drop input[type=file]", [str(file) for file in files])
    page.locator("#cases li").nth(len(files) - 1).wait_for()
    page.wait_for_function("document.querySelector('.stage')?.dataset.heat")
    page.wait_for_timeout(1500)
    path = IMAGES / f"reading-{width}-{scheme}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(path), full_page=True)
    _shrink(path)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
    for one in Axe().run(page).response["violations"]:
        places = ", ".join(str(node["target"][0]) for node in one["nodes"][:3])
        print(f"  axe, {one['impact']}: {one['id']} ({len(one['nodes'])}): {places}")
    context.close()


def _shrink(path: Path) -> None:
    """Reduce a picture to 256 colours, then its size, until it is below the limit."""
    with Image.open(path) as picture:
        image = picture.convert("RGB")
    for scale in (1.0, 0.8, 0.65, 0.5):
        size = (round(image.width * scale), round(image.height * scale))
        image.resize(size, Image.Resampling.LANCZOS).quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size < _MOST:
            return


if __name__ == "__main__":
    main()
