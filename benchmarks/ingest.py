"""How fast images come in, beside plain pydicom; how it scales to two cores; what 1% more costs.

    python benchmarks/ingest.py [--source DIR]... [--repeat 12] [--images 20000]

Speed: every DICOM file below the sources is stored (decoded, judged, fingerprinted, searched for text, de-identified,
hashed, written) in this process and in one and two workers, and read with `pydicom.dcmread(path).pixel_array`
as its documentation writes it, all interleaved in one run. Growth: a version of `--images` synthetic files is
ingested, 1% is added, and it is ingested again; our own work is what is not DVC's.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pydicom

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from image_files import make_dicom
from installations import make_installation, small_phantom_config

from radloop.data import collection, versions
from radloop.data.ingest import ingest
from radloop.data.storing import Job, store
from radloop.images.pool import Pool
from radloop.use_case import ImageSpec, Quarantine

SPEC = ImageSpec(modalities=("CR", "DX", "CT", "MR"), body_parts=("CHEST",), size=224)
STORE = "radloop.data.storing:store"


def dicom_files(sources: list[Path]) -> list[Path]:
    """Return the files that pydicom decodes."""
    found = []
    for path in sorted(path for source in sources for path in source.rglob("*.dcm")):
        try:
            _ = pydicom.dcmread(path).pixel_array
            found.append(path)
        except Exception as error:  # noqa: BLE001 - whatever the peer cannot read is no contest
            print(f"left out, pydicom cannot read it: {path.name} ({type(error).__name__})")
    return found


def timed(call: Callable[[], object]) -> float:
    """Return wall seconds of a call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def pydicom_reads(files: list[Path]) -> None:
    """Read every file as pydicom's documentation does."""
    for path in files:
        _ = pydicom.dcmread(path).pixel_array


def ours(jobs: list[Job]) -> None:
    """Store every file in this process."""
    for job in jobs:
        store(job)
        for written in job.folder.iterdir():
            written.unlink()  # the next must write too


def through(pool: Pool, jobs: list[Job]) -> None:
    """Store every file three times in workers, so that starting and ending weigh little."""
    for _ in pool.map(STORE, (((job,), 10_000_000) for job in jobs * 3)):
        pass


def speed(name: str, files: list[Path], repeat: int) -> None:
    """Print files a second of pydicom, and of ours in this process and in one and two workers."""
    rounds: dict[str, list[float]] = {"pydicom": [], "ours": [], "1 worker": [], "2 workers": []}
    with tempfile.TemporaryDirectory() as temporary, Pool(1) as one, Pool(2) as two:
        for number in range(repeat + 1):
            folder = Path(temporary) / str(number)
            folder.mkdir()
            jobs = [Job(path, "P0", b"key", folder, SPEC, Quarantine()) for path in files]
            taken = {
                "pydicom": timed(lambda: pydicom_reads(files)),
                "ours": timed(lambda jobs=jobs: ours(jobs)),
                "1 worker": timed(lambda jobs=jobs: through(one, jobs)) / 3,
                "2 workers": timed(lambda jobs=jobs: through(two, jobs)) / 3,
            }
            if number:  # the first round warms up
                for word, seconds in taken.items():
                    rounds[word].append(seconds)
    print_speed(name, len(files), repeat, rounds)


def print_speed(name: str, files: int, repeat: int, rounds: dict[str, list[float]]) -> None:
    """Print medians, and ratios within each round."""
    ratio = statistics.median(a / b for a, b in zip(rounds["pydicom"], rounds["ours"], strict=True))
    scaling = statistics.median(a / b for a, b in zip(rounds["1 worker"], rounds["2 workers"], strict=True))
    print(f"{name}: {files} files, medians of {repeat} rounds")
    for word, seconds in rounds.items():
        print(f"  {word:>10}: {files / statistics.median(seconds):7.1f} files/s")
    print(f"  ours with all checks, beside plain pydicom: {ratio:.2f} of its speed on one core")
    print(f"  two workers beside one: {scaling:.2f} times", flush=True)


@contextmanager
def watching(spent: list[float]) -> Iterator[None]:
    """Add the wall seconds that the work on images takes (decoding, hashing, judging, writing) while the block runs."""
    original = collection._stored

    def stored(*arguments: Any) -> Iterator[Any]:
        waiting = original(*arguments)
        while True:
            started = time.perf_counter()
            item = next(waiting, None)
            spent.append(time.perf_counter() - started)
            if item is None:
                return
            yield item

    collection._stored = stored
    try:
        yield
    finally:
        collection._stored = original


@contextmanager
def counting(spent: list[float]) -> Iterator[None]:
    """Add the wall seconds that DVC takes while the block runs."""
    original = versions.run

    def run(*arguments: object, **more: object) -> str:
        started = time.perf_counter()
        try:
            return original(*arguments, **more)  # type: ignore[arg-type]
        finally:
            spent.append(time.perf_counter() - started)

    versions.run = run  # type: ignore[assignment]
    try:
        yield
    finally:
        versions.run = original


def write_images(folder: Path, first: int, count: int) -> None:
    """Write synthetic DICOM files: smooth noise that no two share, 256 x 256, 12 bits."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        draw = np.random.default_rng(number)
        coarse = draw.integers(0, 3000, (32, 32)).astype(np.uint16)
        pixels = np.kron(coarse, np.ones((8, 8), np.uint16)) + draw.integers(0, 64, (256, 256)).astype(np.uint16)
        label = ("normal", "opacity")[number % 2]
        target = folder / label
        target.mkdir(exist_ok=True)
        (target / f"i{number:06d}.dcm").write_bytes(make_dicom(pixels, stored=12, PatientID=f"p{number}", Modality="CR"))


def growth(images: int) -> None:
    """Print what the first ingest of many files costs, and what 1% more does."""
    with tempfile.TemporaryDirectory() as temporary:
        site = make_installation(Path(temporary) / "site", small_phantom_config())
        source = Path(temporary) / "source"
        write_images(source, 0, images)
        from radloop.configuration import load_use_case

        use_case = load_use_case("phantom-cxr", site.settings)
        use_case = use_case.model_copy(update={"leakage": use_case.leakage.model_copy(update={"policy": "drop"})})
        first: tuple[float, float] | None = None
        for step in ("first", "1% more", "nothing new"):
            if step == "1% more":
                write_images(source, images, images // 100)
            spent: list[float] = []
            images_spent: list[float] = []
            with counting(spent), watching(images_spent):
                wall = timed(lambda: ingest(use_case, source, site.settings))
            work, rest = sum(images_spent), wall - sum(spent) - sum(images_spent)
            first = first or (work, work + rest)
            print(
                f"{step:>12}: images {work:6.1f} s ({work / first[0]:6.2%} of the first), listing, splits, leaks, manifest {rest:5.1f} s"
                f" (with the images {(work + rest) / first[1]:6.2%}), DVC {sum(spent):5.1f} s",
                flush=True,
            )


def main() -> None:
    """Print both parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, action="append", help="folders of DICOM files; default RADLOOP_REAL_DATA's")
    parser.add_argument("--repeat", type=int, default=12)
    parser.add_argument("--images", type=int, default=20_000, help="0 leaves the second part out")
    options = parser.parse_args()
    real = os.environ.get("RADLOOP_REAL_DATA")
    sources = options.source or ([Path(real) / name for name in ("cxr_dicom", "dicom-ct-multi-patient")] if real else [])
    for source in sources:
        speed(source.name, dicom_files([source]), options.repeat)
    if options.images:
        growth(options.images)


if __name__ == "__main__":
    main()
