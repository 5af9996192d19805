"""MedMNIST: images as arrays in one `.npz` file (Yang et al., Scientific Data 2023; 10:41)."""

from __future__ import annotations

import importlib
import io
import re
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radloop.data.sources.row import SourceRow, checked
from radloop.errors import InputError, Refusal
from radloop.use_case import FindingLabels, UseCase

PREFIX = "medmnist:"
SPLITS = ("train", "val", "test")
_WORD = re.compile(r"([a-z]+mnist)(?:_(\d+))?")
_MAX_LABELS = 100_000_000


@dataclass(frozen=True)
class Member:
    """An array in a `.npz`: where its values begin in the decompressed member, and what they are."""

    start: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def image_bytes(self) -> int:
        """Return the bytes of one image."""
        return int(np.prod(self.shape[1:])) * self.dtype.itemsize


def read_medmnist(path: Path, use_case: UseCase) -> list[SourceRow]:
    """List the images of a `.npz` with arrays `train_images`, `train_labels`, `val_...`, `test_...`.

    The labels' numbers are the source's words: `source.labels` maps them, `{"0": normal, ...}`; with
    several findings an image, they number the columns. Nobody says whose the images are.

    Raises:
        InputError: no such archive, an array missing or of another kind, counts that differ.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            present = [split for split in SPLITS if f"{split}_images.npy" in names]
            if not present:
                raise _bad("it has none of the arrays " + ", ".join(f"{split}_images" for split in SPLITS))
            rows = [row for split in present for row in _rows(path, archive, split, use_case)]
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError) as error:
        raise _bad("it is not a complete archive of arrays") from error
    return checked(rows, use_case, _BETWEEN)


_BETWEEN = "|"


def _rows(path: Path, archive: zipfile.ZipFile, split: str, use_case: UseCase) -> list[SourceRow]:
    key = f"{split}_images"
    member = _image_member(archive, key)
    labels = _labels(archive, f"{split}_labels")
    if len(labels) != member.shape[0]:
        raise _bad(f"{key} has {member.shape[0]} images and {split}_labels {len(labels)} labels")
    word = _word_reader(labels, use_case)
    return [
        SourceRow(
            path=path,
            name=f"{path.name}/{split}/{index:06d}",
            label=word(index),
            patient=f"{split}/{index}",
            split=split,
            member=(key, index),
        )
        for index in range(len(labels))
    ]


def _word_reader(labels: NDArray[Any], use_case: UseCase) -> Callable[[int], str]:
    """Return a function from an image's index to the words of its label."""
    if labels.shape[1] == 1:
        return lambda index: str(int(labels[index, 0]))
    kind = use_case.labels
    if not isinstance(kind, FindingLabels):
        raise InputError(
            "labels_not_binary",
            f"each image has {labels.shape[1]} labels and {use_case.name} asks for one",
            "use a multilabel use case, or another source",
        )
    return lambda index: _BETWEEN.join(str(place) for place in np.flatnonzero(labels[index])) or kind.none


def _image_member(archive: zipfile.ZipFile, key: str) -> Member:
    with archive.open(f"{key}.npy") as stream:
        member = _member(stream, key)
    rank = len(member.shape)
    if member.dtype.kind != "u" or member.dtype.itemsize > 2 or not (rank == 3 or (rank == 4 and member.shape[3] == 3)):
        raise _bad(f"{key} is not 8 or 16-bit images: type {member.dtype}, {rank} dimensions; volumes are not read")
    return member


def _member(stream: IO[bytes], key: str) -> Member:
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(stream)
    except ValueError as error:
        raise _bad(f"{key} is not a NumPy array") from error
    if fortran or dtype.hasobject or not shape:
        raise _bad(f"{key} is not an array of images in C order")
    return Member(stream.tell(), tuple(int(side) for side in shape), dtype)


def _labels(archive: zipfile.ZipFile, key: str) -> NDArray[Any]:
    try:
        with archive.open(f"{key}.npy") as stream:
            member = _member(stream, key)
            size = member.image_bytes * member.shape[0]
            if member.dtype.kind not in "iub" or len(member.shape) > 2 or size > _MAX_LABELS:
                raise _bad(f"{key} is not whole numbers, one row an image")
            content = stream.read(size)
    except KeyError as error:
        raise _bad(f"it has no array {key}") from error
    if len(content) != size:
        raise _bad(f"{key} is cut short")
    return np.frombuffer(content, member.dtype).reshape(member.shape[0], -1)


def _bad(reason: str) -> InputError:
    return InputError("source_unreadable", f"the .npz file is no MedMNIST archive: {reason}", "download it again")


class _Images:
    """The images of one array, read forwards: constant memory, and no second pass where rows come in order."""

    def __init__(self, path: Path, key: str) -> None:
        self._archive = zipfile.ZipFile(path)
        self.member = _image_member(self._archive, key)
        self._stream = self._archive.open(f"{key}.npy")
        self._lock = threading.Lock()

    def image(self, index: int) -> NDArray[Any]:
        """Return one image, uint8 or uint16 [rows, columns] or [rows, columns, 3]."""
        size = self.member.image_bytes
        with self._lock:
            self._stream.seek(self.member.start + index * size)
            content = self._stream.read(size)
        return np.frombuffer(content, self.member.dtype).reshape(self.member.shape[1:])


@lru_cache(maxsize=len(SPLITS))
def _images(path: Path, key: str, _version: tuple[int, int]) -> _Images:
    """Return an open array; a file that changed, in time or size, is opened anew."""
    return _Images(path, key)


def member_bytes(path: Path, member: tuple[str, int]) -> bytes:
    """Return one image of a `.npz` as a PNG without metadata; 16 bits stay 16.

    Raises:
        Refusal: `unreadable_image`: the archive is gone, damaged or shorter than it says.
    """
    key, index = member
    try:
        status = path.stat()
        pixels = _images(path, key, (status.st_mtime_ns, status.st_size)).image(index)
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, InputError) as error:
        raise Refusal("unreadable_image", "the image cannot be read from its archive", "download the archive again") from error
    stream = io.BytesIO()
    little = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False)
    Image.fromarray(little).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def medmnist_file(word: str, folder: Path | None) -> Path:
    """Return the `.npz` file of a word such as `medmnist:pneumoniamnist_64`, downloaded where it is not there.

    Args:
        word: the set's name, and the images' side unless it is 28.
        folder: where the file lies or goes; None where nothing may be written.

    Raises:
        InputError: no such set, or no file and no network: the hint says which file to place where.
    """
    match = _WORD.fullmatch(word.removeprefix(PREFIX))
    if match is None:
        raise InputError("source_kind", "there is no such MedMNIST set", "example: --source medmnist:pneumoniamnist")
    name = f"{match[1]}.npz" if match[2] in (None, "28") else f"{match[1]}_{match[2]}.npz"
    if folder is not None and (folder / name).is_file():
        return folder / name
    return _download(match[1], int(match[2] or 28), name, folder)


def _download(flag: str, side: int, name: str, folder: Path | None) -> Path:
    place = f"place {name} in {folder}" if folder is not None else f"download {name} and give it with --source"
    try:
        medmnist: Any = importlib.import_module("medmnist")  # only here: it brings torch with it
    except ImportError as error:
        raise InputError("source_missing", f"{name} is not there, and neither is the medmnist package", place) from error
    if flag not in medmnist.INFO:
        raise InputError("source_kind", f"MedMNIST has no set '{flag}'", "see https://medmnist.com for their names")
    facts = medmnist.INFO[flag]
    if folder is None or f"url_{side}" not in facts | {"url_28": ""}:
        raise InputError("source_missing", f"{name} is not there", place)
    address = facts["url" if side == 28 else f"url_{side}"].partition("?")[0]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        getattr(medmnist, facts["python_class"])(split="test", download=True, root=str(folder), size=side)
    except (RuntimeError, OSError) as error:
        (folder / name).unlink(missing_ok=True)  # half of it, or another file
        raise InputError("download_failed", f"{name} could not be downloaded", f"{place}; it is at {address}") from error
    return folder / name
