"""Writing a cohort: images, manifest and a note that says what they are, all or nothing."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Collection
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from radloop.data.phantoms.cohort import Label, Phantom, draw_cohort
from radloop.data.phantoms.defects import Defect, plant_defects
from radloop.data.phantoms.dicom import patient_id, write_dicom
from radloop.data.phantoms.picture import draw_picture
from radloop.data.phantoms.randomness import LARGEST_SEED
from radloop.data.phantoms.temperature import temperature
from radloop.errors import Refusal
from radloop.images.pool import Pool, Reply

DEFAULT_N = 864
DEFAULT_SEED = 2026

COLUMNS = ("path", "patient", "label", "extent", "site", "split", "temperature")

_README = """\
Synthetic chest phantoms
========================

Nobody was X-rayed for these images: they were drawn by a program, and no patient, hospital or
device in them exists. They are for trying out software and mean nothing for medicine.

images/*.dcm   DICOM, Computed Radiography Image Storage
manifest.csv   path, patient, label (normal, opacity), extent (the part of the lung area that
               the opacity covers, 0 to 1), site, split (train, tune, calibrate, test),
               temperature (degrees Celsius, blank where it was not taken)

images: {n}
seed: {seed}
planted defects: {planted}
"""


def write_phantoms(
    folder: Path,
    *,
    n: int = DEFAULT_N,
    seed: int = DEFAULT_SEED,
    plant: Collection[Defect] = (),
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write `n` synthetic chest images as DICOM files with their `manifest.csv` to a new or empty folder.

    `write_phantoms(Path("phantoms"), plant=[Defect.CORNER_MARKER])`. The same arguments give the same
    bytes on every machine. The folder appears complete or not at all. An image keeps its UIDs when a
    defect changes it, so that two versions of a cohort can be compared row by row.

    Args:
        folder: where; its parents are made.
        n: how many images, at least 27.
        seed: of everything drawn, 0 to 2**64 - 1; the first images of a seed do not depend on `n`.
        plant: the defects to plant; they combine.
        progress: called after each image with how many are written.

    Raises:
        ValueError: `n` is too small for every split to hold both labels and both sexes, or the seed is out of range.
        FileExistsError: the folder holds something already.
    """
    if not 0 <= seed <= LARGEST_SEED:
        raise ValueError(f"seed is {seed}, it must lie between 0 and 2**64 - 1")
    defects = tuple(defect for defect in Defect if defect in [Defect(word) for word in plant])
    _cohort(n, seed, defects)  # what cannot be drawn is said before anything is written
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} exists and is not an empty folder: name a new one, or empty it first")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as staging:
        whole = Path(staging) / "phantoms"
        _write(whole, n, seed, defects, progress)
        planted = ", ".join(defects) or "none"
        _write_text(whole / "README.txt", _README.format(n=n, seed=seed, planted=planted))
        if folder.exists():
            folder.rmdir()
        whole.rename(folder)


def _write(folder: Path, n: int, seed: int, defects: tuple[Defect, ...], progress: Callable[[int], None] | None) -> None:
    (folder / "images").mkdir(parents=True)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(COLUMNS)
    paths = [f"images/{count:05d}.dcm" for count in range(1, n + 1)]
    jobs = (((folder / path, number, n, seed, defects), 0) for number, path in enumerate(paths))
    with Pool(len(os.sched_getaffinity(0))) as pool:
        replies = pool.map("radloop.data.phantoms.writing:write_one", jobs)
        for count, (path, phantom, reply) in enumerate(zip(paths, _cohort(n, seed, defects), replies, strict=True), start=1):
            if isinstance(reply, Refusal):
                raise reply
            extent = f"0.{reply[0]['extent']:03d}"
            warmth = temperature(seed, phantom.index, opaque=phantom.opaque)
            patient = patient_id(seed, phantom.patient)
            writer.writerow((path, patient, phantom.label, extent, phantom.site, phantom.split, warmth))
            if progress is not None:
                progress(count)
    _write_text(folder / "manifest.csv", table.getvalue())


def write_one(path: Path, number: int, n: int, seed: int, defects: tuple[Defect, ...]) -> Reply:
    """Draw and write one phantom of a cohort: runs in a worker, one a core.

    Returns:
        {"extent"}: thousandths of the lung area.
    """
    _keep_memory()
    cohort = _cohort(n, seed, defects)
    phantom = cohort[number]
    picture = draw_picture(phantom, cohort, seed)
    write_dicom(path, phantom, picture, seed)
    # A wrong label hides the extent too, or the manifest would contradict itself.
    return {"extent": picture.extent if phantom.label is Label.OPACITY else 0}, []


@lru_cache(maxsize=1)
def _cohort(n: int, seed: int, defects: tuple[Defect, ...]) -> list[Phantom]:
    return plant_defects(draw_cohort(n, seed), defects, seed)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


@lru_cache(maxsize=1)
def _keep_memory() -> None:
    """Teach glibc to keep freed arrays: giving back and faulting in every temporary costs a third of the time.

    Freeing one large block raises its thresholds for the process (mallopt(3), M_MMAP_THRESHOLD); elsewhere it does nothing.
    """
    np.empty(16 << 20, dtype=np.uint8)
