"""One source file into the store: decoded once, judged, fingerprinted, de-identified and written.

Runs in a worker of `radloop.images.pool`, which a bad file may kill.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from radloop.errors import Refusal
from radloop.images.burned_in import has_text
from radloop.images.decode import Decoded, decode, dicom_frames, read_frames
from radloop.images.deidentify import deidentified, file_bytes
from radloop.images.dicom import is_dicom, read_dataset, read_header
from radloop.images.fingerprint import fingerprint
from radloop.images.header import Header
from radloop.images.mask import Region, draw_mask
from radloop.images.pool import Reply
from radloop.images.preprocessing import prepare
from radloop.images.quarantine import quarantine
from radloop.images.raster import png_bytes
from radloop.use_case import ImageSpec, Quarantine

VERSION = 1
"""Part of every recipe: raise it when the same file is stored or judged differently."""


@dataclass(frozen=True)
class Job:
    """What a worker needs to store one source file.

    Attributes:
        source: the file, or its content where it is part of another file.
        patient: the pseudonym.
        key: the secret that UIDs are made new with.
        folder: where the stored file goes; it exists, and so does `masks` beside it where there is a region.
        region: where the finding is, in a use case with a location.
    """

    source: Path | bytes
    patient: str
    key: bytes
    folder: Path
    image: ImageSpec
    rules: Quarantine
    region: Region | None = None


def store(job: Job) -> Reply:
    """Store one file.

    Returns:
        {"format", "images": [facts of each image or frame, in order]} and their thumbnails, uint8 [64, 64] each. The
        facts of an image with a region have its `mask` and, in `mask_file`, what is known of that file.

    Raises:
        Refusal: it cannot be read or brought to the use case's pixel domain, or its mask cannot.
    """
    content = _content(job.source)
    if is_dicom(content):
        images, thumbnails = _store_dicom(content, job)
    else:
        images, thumbnails = _store_frames(read_frames(content, job.image), job)
    if not images:
        raise Refusal("unreadable_image", "the file holds no image", "remove it from the source")
    if job.region is not None:
        images = [_with_mask(images, job.region, job.folder.parent / "masks")]
    return {"format": images[0]["format"], "images": images}, thumbnails


def ready() -> Reply:
    """Answer that this module is imported; see `Pool.warm`."""
    return {}, []


def _content(source: Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        return source.read_bytes()
    except OSError:
        raise Refusal("unreadable_image", "the file is missing or cannot be opened", "check the source") from None


def _store_dicom(content: bytes, job: Job) -> tuple[list[dict[str, Any]], list[NDArray[Any]]]:
    """Store one DICOM file whole; a multi-frame one gives a row for each of its frames."""
    dataset = read_dataset(content)
    clean = deidentified(dataset, job.patient, job.key)
    judged = [_facts(decoded, job) for decoded in dicom_frames(dataset, job.image)]
    path, digest = _write(file_bytes(clean), "dcm", job.folder)
    several = len(judged) > 1
    images = []
    for number, (facts, _) in enumerate(judged):
        name = digest[:16] + (f"-f{number:04d}" if several else "")
        # What the header says is taken from the clean one: words that may be names are gone there.
        facts |= _said(read_header(clean, number))
        images.append(facts | {"id": name, "path": path, "sha256": digest, "frame": number if several else None})
    return images, [thumbnail for _, thumbnail in judged]


def _store_frames(frames: Iterator[Decoded], job: Job) -> tuple[list[dict[str, Any]], list[NDArray[Any]]]:
    """Store a raster image, or each frame of a video, as PNG without metadata."""
    images, thumbnails = [], []
    for decoded in frames:
        facts, thumbnail = _facts(decoded, job)
        path, digest = _write(png_bytes(decoded.stored), "png", job.folder)
        frame = decoded.frame if decoded.header.format == "video" else None
        images.append(facts | _said(None) | {"id": digest[:16], "path": path, "sha256": digest, "frame": frame})
        thumbnails.append(thumbnail)
    return images, thumbnails


def _with_mask(images: list[dict[str, Any]], region: Region, folder: Path) -> dict[str, Any]:
    """Store the mask of a still image and return the image's facts with it."""
    if len(images) > 1 or images[0]["frame"] is not None:
        raise Refusal("mask_of_frames", "a mask outlines one still image, and the file has frames", "give each frame as a file")
    mask = draw_mask(region, images[0]["rows"], images[0]["columns"])
    path, digest = _write(png_bytes(mask), "png", folder)
    return images[0] | {"mask": path, "mask_file": {"path": path, "sha256": digest}}


def _facts(decoded: Decoded, job: Job) -> tuple[dict[str, Any], NDArray[Any]]:
    header, quality = decoded.header, decoded.quality
    text = has_text(decoded.pixels) if job.rules.burned_in_text else False
    found = fingerprint(decoded.stored, decoded.pixels)
    rows, columns = decoded.pixels.shape
    facts = {
        **asdict(quality),
        "excluded": quarantine(quality, text, header, job.rules),
        "text": text or bool(header.burned_in),
        "pixels": found.pixels,
        "dhash": found.dhash,
        "rows": int(rows),
        "columns": int(columns),
        "bits": header.bits,
        "format": header.format,
        "seconds": decoded.seconds,
    }
    return facts, found.thumbnail


def _said(header: Header | None) -> dict[str, Any]:
    """Return what a header says of patient and machine; a raster image and a video say nothing."""
    names = ("sex", "age", "view", "device", "series", "position")
    return {name: getattr(header, name) if header is not None else None for name in names}


def _write(content: bytes, suffix: str, folder: Path) -> tuple[str, str]:
    """Write a file named by its content; a crash leaves a whole file or none."""
    digest = sha256(content).hexdigest()
    path = folder / f"{digest[:16]}.{suffix}"
    if not path.is_file():
        temporary = folder / f".{digest[:16]}.{os.getpid()}"
        temporary.write_bytes(content)
        temporary.replace(path)
    return f"{folder.name}/{path.name}", digest


def stored_image(path: Path, frame: float, image: ImageSpec) -> Decoded:
    """Read a stored image.

    Args:
        path: of the stored file.
        frame: the manifest's, NaN for a still image; only a multi-frame DICOM needs it.
        image: the use case's image section.

    Raises:
        Refusal: it cannot be read.
    """
    return decode(path, image, None if math.isnan(frame) or path.suffix != ".dcm" else int(frame))


def prepared(path: Path, frame: float, image: ImageSpec) -> Reply:
    """Return the network's input of a stored image, uint8 [size, size]: runs in a worker, as `store` does."""
    return {}, [prepare(stored_image(path, frame, image).pixels, image)]


def thumbnail(path: Path, frame: float, image: ImageSpec) -> Reply:
    """Return the thumbnail of a stored image, uint8 [64, 64]: runs in a worker, as `store` does.

    Raises:
        Refusal: it cannot be read.
    """
    try:
        decoded = stored_image(path, frame, image)
    except OSError:
        raise Refusal("unreadable_image", "a stored file is missing", "run `radloop data restore`") from None
    return {}, [fingerprint(decoded.stored, decoded.pixels).thumbnail]
