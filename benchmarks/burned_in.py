"""How often burnt-in text is found, how often it is seen where none is, and how long the pixels' checks take.

Prints three tables: the share of planted lines that `radloop.images.burned_in` finds, by the height of the font and how
far the text is off its background; the share of flagged images of every folder (look at those of a folder that
holds text before counting them as false alarms); milliseconds an image for quality, fingerprint and text.

    python benchmarks/burned_in.py FOLDER [--most 400] [--names]

FOLDER holds folders of DICOM, PNG and JPEG images. Text is planted where it is legible: at a random place where nine
tenths of the background lie on one side of its grey.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from radloop.errors import Refusal
from radloop.images.burned_in import has_text
from radloop.images.decode import read_frames
from radloop.images.fingerprint import fingerprint
from radloop.images.quality import quality

FONTS = ("DejaVuSans.ttf", "DejaVuSansMono.ttf", "DejaVuSans-Bold.ttf", "LiberationSans-Regular.ttf", "LiberationMono-Bold.ttf")
LINES = ("DOE, JANE", "Smith^Anna", "MUELLER, K. 12.03.1957", "ID 0042317", "Jane Roe", "1957-03-12", "St. Mary Hospital")
SIZES = (8, 10, 12, 14, 18, 24, 32, 48, 64, 96)
STEPS = (150, 100, 60, 30)
SUFFIXES = {".dcm", ".png", ".jpg", ".jpeg"}

Pixels = NDArray[np.uint8]


def images(folder: Path, most: int) -> Iterator[tuple[Path, Pixels]]:
    """Yield up to `most` images of a folder, drawn with a fixed seed, first frames only; what is refused is left out."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and "mask" not in str(path))
    chosen = sorted(np.random.default_rng(0).permutation(len(paths))[:most])
    for number in chosen:
        try:
            yield paths[number], next(iter(read_frames(paths[number]))).pixels
        except Refusal:
            continue


def fonts(size: int) -> list[ImageFont.FreeTypeFont]:
    """Return the system's fonts among `FONTS`, else Pillow's own."""
    found = []
    for name in FONTS:
        try:
            found.append(ImageFont.truetype(name, size))
        except OSError:
            continue
    return found or [ImageFont.load_default(size)]  # type: ignore[list-item]


def planted(pixels: Pixels, size: int, step: int, rng: np.random.Generator) -> Pixels | None:
    """Return the image with a line of text at least `step` greys off its background, None where no place was found."""
    font = fonts(size)[rng.integers(len(fonts(size)))]
    line = LINES[rng.integers(len(LINES))]
    width, height = (int(number) for number in font.getbbox(line)[2:])
    rows, columns = pixels.shape
    if width >= columns or height >= rows:
        return None
    for _ in range(30):
        left, top = int(rng.integers(columns - width)), int(rng.integers(rows - height))
        low, high = np.quantile(pixels[top : top + height, left : left + width], [0.05, 0.95])
        grey = high + step if high + step <= 255 else low - step
        if grey >= 0:
            image = Image.fromarray(pixels)
            ImageDraw.Draw(image).text((left, top), line, fill=int(grey), font=font)
            return np.asarray(image)
    return None


def found(base: list[Pixels], size: int, step: int) -> str:
    """Return the share of planted lines that are found, or a dash with fewer than ten."""
    rng = np.random.default_rng(size * 1000 + step)
    hits = [has_text(image) for image in (planted(pixels, size, step, rng) for pixels in base) if image is not None]
    return f"{100 * sum(hits) / len(hits):5.0f}" if len(hits) >= 10 else "    -"


def sensitivity(folder: Path) -> None:
    """Print the share found, by folder, font height and step, at the resolution of the files."""
    print(f"\nplanted lines found, %\n{'folder':<28}{'step':>5}" + "".join(f"{size:>4}px" for size in SIZES))
    for part in sorted(path for path in folder.iterdir() if path.is_dir()):
        base = [pixels for _, pixels in images(part, 40) if not has_text(pixels)]
        if len(base) and len(base) < 20:
            base = base * (-(-20 // len(base)))
        if base and min(base[0].shape) >= 128:
            for step in STEPS:
                print(f"{part.name:<28}{step:>5}" + "".join(f" {found(base, size, step)}" for size in SIZES), flush=True)


def false_alarms(folder: Path, most: int, names: bool) -> None:
    """Print the share of flagged images of each folder, and with `names` which they are."""
    print(f"\nflagged as they are\n{'folder':<28}{'images':>8}{'flagged':>9}{'%':>8}")
    for part in sorted(path for path in folder.iterdir() if path.is_dir()):
        results = [(path, has_text(pixels)) for path, pixels in images(part, most)]
        flagged = [path for path, text in results if text]
        if results:
            share = 100 * len(flagged) / len(results)
            print(f"{part.name:<28}{len(results):>8}{len(flagged):>9}{share:>8.2f}", flush=True)
        for path in flagged if names else ():
            print(f"    {path.relative_to(folder)}")


def speed(folder: Path) -> None:
    """Print the median milliseconds of each check on real images of about a million pixels, 16 bits stored."""
    chosen = [pixels for _, pixels in images(folder, 10**9) if 700_000 <= pixels.size <= 1_300_000][:20]
    print(f"\nmilliseconds an image, {len(chosen)} images of 0.7 to 1.3 million pixels")
    for name, check in (
        ("quality", lambda pixels: quality(pixels)),
        ("fingerprint", lambda pixels: fingerprint(pixels.astype(np.uint16), pixels)),
        ("text", has_text),
    ):
        seconds = []
        for pixels in chosen:
            runs = []
            for _ in range(7):
                started = time.perf_counter()
                check(pixels)
                runs.append(time.perf_counter() - started)
            seconds.append(sorted(runs)[3])
        if seconds:
            print(f"  {name:<12}{1000 * float(np.median(seconds)):8.2f}   slowest {1000 * max(seconds):8.2f}")


def main() -> None:
    """Print the three tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--most", type=int, default=400, help="images a folder")
    parser.add_argument("--names", action="store_true", help="name the flagged files")
    options = parser.parse_args()
    sensitivity(options.folder)
    false_alarms(options.folder, options.most, options.names)
    speed(options.folder / "cxr_dicom" if (options.folder / "cxr_dicom").is_dir() else options.folder)


if __name__ == "__main__":
    main()
