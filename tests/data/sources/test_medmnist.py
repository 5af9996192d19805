"""MedMNIST archives, from disk and from a server."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from radloop.data.sources import read_bytes, read_source
from radloop.errors import InputError, Refusal
from radloop.images.raster import PNG
from radloop.use_case import UseCase

SOURCE = {"labels": {"0": "normal", "1": "opacity"}, "splits": {"train": "train", "val": "tune", "test": "test"}}
MakeUseCase = Callable[..., UseCase]


def arrays(dtype: Any = np.uint8, sides: tuple[int, ...] = (28, 28)) -> dict[str, NDArray[Any]]:
    draw = np.random.default_rng(3)
    made: dict[str, NDArray[Any]] = {}
    for split, n in (("train", 5), ("val", 2), ("test", 3)):
        made[f"{split}_images"] = draw.integers(0, np.iinfo(dtype).max, (n, *sides), dtype=dtype, endpoint=True)
        made[f"{split}_labels"] = (np.arange(n, dtype=np.uint8) % 2)[:, None]
    return made


def opened(content: bytes) -> NDArray[Any]:
    with Image.open(io.BytesIO(content)) as image:
        assert image.info == {}
        return np.asarray(image)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(("dtype", "sides"), [(np.uint8, (28, 28)), (np.uint16, (16, 20)), (np.uint8, (28, 28, 3))])
def test_images_and_labels(tmp_path: Path, make_use_case: MakeUseCase, save: Any, dtype: Any, sides: tuple[int, ...]) -> None:
    made = arrays(dtype, sides)
    save(tmp_path / "somemnist.npz", **made)
    rows = read_source(tmp_path, make_use_case(source=SOURCE))
    assert [(row.name, row.split, row.label, row.patient) for row in rows[:4]] == [
        ("somemnist.npz/test/000000", "test", "normal", "test/0"),
        ("somemnist.npz/test/000001", "test", "opacity", "test/1"),
        ("somemnist.npz/test/000002", "test", "normal", "test/2"),
        ("somemnist.npz/train/000000", "train", "normal", "train/0"),
    ]
    assert len(rows) == 10
    assert read_source(tmp_path / "somemnist.npz", make_use_case(source=SOURCE)) == rows
    for row in [*rows, *rows[::-1]]:  # backwards too
        assert row.member is not None
        content = read_bytes(row)
        assert content.startswith(PNG)
        np.testing.assert_array_equal(opened(content), made[row.member[0]][row.member[1]])


def test_several_labels_an_image_number_the_findings(tmp_path: Path, make_use_case: MakeUseCase) -> None:
    made = {"train_images": np.zeros((3, 28, 28), np.uint8), "train_labels": np.array([[1, 0], [0, 0], [1, 1]])}
    np.savez(tmp_path / "chestmnist.npz", **made)
    labels = {"kind": "multilabel", "findings": ["mass", "edema"], "none": "nothing"}
    rows = read_source(tmp_path, make_use_case(labels=labels, source={"labels": {"0": "mass", "1": "edema"}}))
    assert [tuple(row.findings.values()) for row in rows] == [(1.0, 0.0), (0.0, 0.0), (1.0, 1.0)]
    with pytest.raises(InputError, match="each image has 2 labels"):
        read_source(tmp_path, make_use_case(source=SOURCE))


def without(name: str) -> dict[str, NDArray[Any]]:
    return {key: value for key, value in arrays().items() if key != name}


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"x": np.zeros(3)}, "it has none of the arrays train_images, val_images, test_images"),
        (without("val_labels"), "it has no array val_labels"),
        (arrays() | {"val_labels": np.zeros((7, 1), np.uint8)}, "val_images has 2 images and val_labels 7 labels"),
        (arrays() | {"test_labels": np.array([["a"], ["b"], ["c"]])}, "test_labels is not whole numbers"),
        (arrays() | {"test_labels": np.array([[None], [None], [None]], dtype=object)}, "test_labels is not an array"),
        (arrays(sides=(28, 28, 28)), "volumes are not read"),
        (arrays() | {"train_images": np.zeros((5, 28, 28))}, "train_images is not 8 or 16-bit images: type float64"),
    ],
)
def test_other_archives_are_refused(
    tmp_path: Path, make_use_case: MakeUseCase, made: dict[str, NDArray[Any]], words: str
) -> None:
    np.savez(tmp_path / "a.npz", **made)
    with pytest.raises(InputError) as caught:
        read_source(tmp_path, make_use_case(source=SOURCE))
    assert caught.value.code == "source_unreadable"
    assert words in caught.value.message


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 half"])
def test_what_is_no_archive_is_refused(tmp_path: Path, make_use_case: MakeUseCase, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(InputError, match="not a complete archive"):
        read_source(tmp_path, make_use_case(source=SOURCE))


def test_labels_outside_the_classes_are_refused(tmp_path: Path, make_use_case: MakeUseCase) -> None:
    np.savez(tmp_path / "a.npz", **arrays())
    with pytest.raises(InputError, match="label '1' is outside the classes, in 4 rows"):
        read_source(tmp_path, make_use_case(source=SOURCE | {"labels": {"0": "normal"}}))


def test_an_archive_that_changed_is_opened_anew_and_a_lost_one_refused(tmp_path: Path, make_use_case: MakeUseCase) -> None:
    np.savez(tmp_path / "a.npz", **arrays())
    row = read_source(tmp_path, make_use_case(source=SOURCE))[0]
    read_bytes(row)
    np.savez(tmp_path / "a.npz", **(arrays(sides=(30, 30)) | {"test_images": np.full((3, 30, 30), 7, np.uint8)}))
    assert opened(read_bytes(row)).tolist() == [[7] * 30] * 30
    row.path.unlink()
    with pytest.raises(Refusal) as caught:
        read_bytes(row)
    assert caught.value.code == "unreadable_image"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "served"
    folder.mkdir()
    made = arrays()
    for split, n in (("train", 4708), ("val", 524), ("test", 624)):  # what the package expects of this set
        made[f"{split}_images"] = np.zeros((n, 28, 28), np.uint8)
        made[f"{split}_labels"] = np.zeros((n, 1), np.uint8)
    np.savez_compressed(folder / "pneumoniamnist.npz", **made)
    running = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder)))
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}/pneumoniamnist.npz"
    running.shutdown()
    thread.join()
    running.server_close()


def test_a_word_downloads_once(tmp_path: Path, make_use_case: MakeUseCase, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    medmnist = pytest.importorskip("medmnist")
    content = (tmp_path / "served" / "pneumoniamnist.npz").read_bytes()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setitem(medmnist.INFO["pneumoniamnist"], "url", f"{server}?download=1")
    monkeypatch.setitem(medmnist.INFO["pneumoniamnist"], "MD5", hashlib.md5(content, usedforsecurity=False).hexdigest())
    use_case, place = make_use_case(source=SOURCE), tmp_path / "downloads"
    rows = read_source("medmnist:pneumoniamnist", use_case, place)
    assert len(rows) == 5856
    assert (place / "pneumoniamnist.npz").read_bytes() == content
    monkeypatch.setitem(medmnist.INFO["pneumoniamnist"], "url", "http://127.0.0.1:9/nothing")
    assert read_source(Path("medmnist:pneumoniamnist"), use_case, place) == rows


def test_another_file_than_the_published_one_is_not_kept(
    tmp_path: Path, make_use_case: MakeUseCase, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    medmnist = pytest.importorskip("medmnist")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setitem(medmnist.INFO["pneumoniamnist"], "url", server)
    with pytest.raises(InputError) as caught:
        read_source("medmnist:pneumoniamnist", make_use_case(source=SOURCE), tmp_path / "downloads")
    assert caught.value.code == "download_failed"
    assert not (tmp_path / "downloads" / "pneumoniamnist.npz").exists()


@pytest.mark.parametrize(("word", "name"), [("pneumoniamnist", "pneumoniamnist.npz"), ("chestmnist_224", "chestmnist_224.npz")])
def test_without_a_network_it_says_which_file_goes_where(
    tmp_path: Path, make_use_case: MakeUseCase, monkeypatch: pytest.MonkeyPatch, word: str, name: str
) -> None:
    pytest.importorskip("medmnist")
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # nothing listens on the discard port
    with pytest.raises(InputError) as caught:
        read_source(f"medmnist:{word}", make_use_case(source=SOURCE), tmp_path / "downloads")
    assert (caught.value.code, caught.value.message) == ("download_failed", f"{name} could not be downloaded")
    assert f"place {name} in {tmp_path / 'downloads'}; it is at https://" in caught.value.hint
    assert not (tmp_path / "downloads" / name).exists()


@pytest.mark.parametrize(
    "word", ["medmnist:", "medmnist:nosuchmnist", "medmnist:../pneumoniamnist", "medmnist:pneumoniamnist_33"]
)
def test_other_words_are_refused(tmp_path: Path, make_use_case: MakeUseCase, word: str) -> None:
    with pytest.raises(InputError):
        read_source(word, make_use_case(source=SOURCE), tmp_path)
    assert list(tmp_path.iterdir()) == []
