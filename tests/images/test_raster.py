"""PNG and JPEG in."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from radloop.errors import Refusal
from radloop.images.raster import png_bytes, read_raster
from tests.image_files import make_raster, ramp

GREY = ramp(20, 30, 255, np.uint8)
NOISE = np.random.default_rng(0).integers(0, 256, (64, 48)).astype(np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (40, 50, 3)).astype(np.uint8)
PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def code_of(content: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        read_raster(content)
    return caught.value.code


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def make_png(size: tuple[int, int], depth: int, colour: int, lines: bytes, *, extra: bytes = b"", interlaced: int = 0) -> bytes:
    """Return a PNG of (columns, rows) from rows that begin with their filter byte."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, interlaced))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def lines_of(pixels: NDArray[Any]) -> bytes:
    """Return unfiltered rows of samples, 16 bits big-endian."""
    return b"".join(b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes() for row in pixels)


def test_grey_png_is_itself() -> None:
    pixels, header = read_raster(make_raster(GREY))
    assert np.array_equal(pixels, GREY)
    assert pixels.dtype == np.uint8
    assert (header.format, header.rows, header.columns, header.bits, header.photometric) == ("png", 20, 30, 8, "MONOCHROME2")
    assert header.modality is None


def test_sixteen_bits_are_kept() -> None:
    wide = np.array([[0, 1, 257, 32768, 65535]], np.uint16)
    pixels, header = read_raster(make_raster(wide))
    assert pixels.dtype == np.uint16
    assert pixels.tolist() == [[0, 1, 257, 32768, 65535]]
    assert header.bits == 16


@pytest.mark.parametrize(("colour", "samples", "kept"), [(0, 1, 1), (2, 3, 3), (4, 2, 1), (6, 4, 3)])
@pytest.mark.parametrize("interlaced", [0, 1])
def test_sixteen_bits_of_every_colour_type(colour: int, samples: int, kept: int, interlaced: int) -> None:
    values = np.random.default_rng(2).integers(0, 65536, (11, 13, samples)).astype(np.uint16)
    lines = lines_of(values)
    if interlaced:
        parts = [values[top::down, left::right] for top, left, down, right in PASSES]
        lines = b"".join(lines_of(part) for part in parts if part.size)
    pixels, header = read_raster(make_png((13, 11), 16, colour, lines, interlaced=interlaced))
    expected = values[..., :kept] if kept == 3 else values[..., 0]
    assert np.array_equal(pixels, expected)
    assert (header.bits, header.photometric) == (16, "RGB" if kept == 3 else "MONOCHROME2")


@pytest.mark.parametrize(
    ("depth", "byte", "values"),
    [(1, 0b10110001, [255, 0, 255, 255, 0, 0, 0, 255]), (2, 0b00011011, [0, 85, 170, 255]), (4, 0x1F, [17, 255])],
)
def test_few_bits_fill_the_range(depth: int, byte: int, values: list[int]) -> None:
    # the largest sample becomes 255: times 255, 85 or 17
    pixels, header = read_raster(make_png((8 // depth, 1), depth, 0, bytes([0, byte])))
    assert pixels.tolist() == [values]
    assert header.bits == depth


def test_a_palette_is_resolved() -> None:
    palette = chunk(b"PLTE", bytes([10, 20, 30, 200, 100, 50]))
    opacity = chunk(b"tRNS", bytes([0, 128]))
    for extra in (palette, palette + opacity):
        pixels, header = read_raster(make_png((2, 1), 1, 3, bytes([0, 0b01000000]), extra=extra))
        assert pixels.tolist() == [[[10, 20, 30], [200, 100, 50]]]
        assert (header.bits, header.photometric) == (8, "RGB")


def test_colour_stays_colour() -> None:
    for mode in ("RGB", "RGBA"):
        pixels, header = read_raster(make_raster(COLOUR, mode=mode))
        assert np.array_equal(pixels, COLOUR)
        assert header.photometric == "RGB"


def test_transparency_is_dropped_not_blended() -> None:
    seen = np.dstack([COLOUR, np.zeros((40, 50), np.uint8)])
    assert np.array_equal(read_raster(make_raster(seen))[0], COLOUR)
    assert np.array_equal(read_raster(make_raster(np.dstack([GREY, np.zeros_like(GREY)])))[0], GREY)


def test_an_interlaced_image_is_the_same_image() -> None:
    lines = b"".join(lines_of(NOISE[top::down, left::right]) for top, left, down, right in PASSES)
    assert np.array_equal(read_raster(make_png((48, 64), 8, 0, lines, interlaced=1))[0], NOISE)
    cut = lines[: len(lines) * 2 // 3]
    assert code_of(make_png((48, 64), 8, 0, cut, interlaced=1)) == "unreadable_image"


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("orientation", range(10))
def test_exif_orientation_is_applied(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation  # 1 to 8 are defined
    content = make_raster(GREY, kind, exif=exif)
    pixels, header = read_raster(content)
    with Image.open(io.BytesIO(content)) as image:
        assert np.array_equal(pixels, np.asarray(ImageOps.exif_transpose(image)))
    turned = 5 <= orientation <= 8
    assert (header.rows, header.columns) == ((30, 20) if turned else (20, 30))


def test_exif_orientation_by_hand() -> None:
    corner = np.array([[1, 2, 3], [4, 5, 6]], np.uint16)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    assert read_raster(make_raster(corner, exif=exif))[0].tolist() == [[4, 1], [5, 2], [6, 3]]
    exif[0x0112] = 5  # mirrored along the main diagonal
    assert read_raster(make_raster(corner, exif=exif))[0].tolist() == [[1, 4], [2, 5], [3, 6]]


def test_broken_exif_says_nothing() -> None:
    assert np.array_equal(read_raster(make_raster(GREY, exif=b"Exif\0\0not a TIFF file"))[0], GREY)


def test_jpeg() -> None:
    pixels, header = read_raster(make_raster(GREY, "JPEG", quality=95))
    assert (header.format, header.bits, header.photometric, pixels.ndim) == ("jpeg", 8, "MONOCHROME2", 2)
    assert np.abs(pixels.astype(int) - GREY).max() < 8


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 2}, {"restart_marker_blocks": 3}])
def test_jpeg_is_as_pillow_reads_it(options: dict[str, Any]) -> None:
    content = make_raster(COLOUR, "JPEG", **options)
    with Image.open(io.BytesIO(content)) as image:
        assert np.array_equal(read_raster(content)[0], np.asarray(image))


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (8, 8), (17, 3)])
def test_small_jpegs(size: tuple[int, int]) -> None:
    assert read_raster(make_raster(ramp(*size, 255, np.uint8), "JPEG"))[0].shape == size


def test_cmyk_jpeg_is_neither_inverted_nor_refused() -> None:
    # No ink is white, all black ink is black; Adobe's files store ink inverted, and Pillow writes such files.
    inks = np.zeros((16, 32, 4), np.uint8)
    inks[:, 16:, 3] = 255
    stream = io.BytesIO()
    Image.fromarray(inks, "CMYK").save(stream, format="JPEG", quality=95)
    pixels, header = read_raster(stream.getvalue())
    assert header.photometric == "RGB"
    assert pixels[:, :12].min() > 245
    assert pixels[:, 20:].max() < 10


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_jpeg_that_ends_early_is_refused_wherever_it_ends(options: dict[str, Any]) -> None:
    whole = make_raster(NOISE, "JPEG", **options)
    for end in range(3, len(whole), 97):
        assert code_of(whole[:end]) == "unreadable_image", end
    assert code_of(whole[:-1]) == "unreadable_image"
    assert code_of(whole[: len(whole) // 2] + b"\0" * (len(whole) // 2)) == "unreadable_image"


def test_a_jpeg_that_ends_early_and_says_it_is_whole_is_refused() -> None:
    whole = make_raster(NOISE, "JPEG")
    mended = whole[: len(whole) // 2] + b"\xff\xd9"
    with Image.open(io.BytesIO(mended)) as image:
        assert np.asarray(image)[-1, 0] == 128, "Pillow no longer fills with grey: the check has nothing to do"
    assert code_of(mended) == "unreadable_image"


def test_a_png_that_ends_early_is_refused_wherever_it_ends() -> None:
    whole = make_raster(NOISE)
    for end in range(8, len(whole), 97):
        assert code_of(whole[:end]) == "unreadable_image", end
    for end in range(len(whole) - 12, len(whole)):
        assert code_of(whole[:end]) == "unreadable_image", end


def test_a_png_with_half_its_rows_is_refused() -> None:
    half = make_png((16, 16), 8, 0, b"".join(b"\0" + bytes([200] * 16) for _ in range(8)))
    with Image.open(io.BytesIO(half)) as image:
        assert np.asarray(image)[-1, 0] == 0, "Pillow no longer fills with black: the check has nothing to do"
    assert code_of(half) == "unreadable_image"


def test_one_flipped_bit_in_the_pixels_of_a_png_is_refused() -> None:
    whole = bytearray(make_raster(NOISE))
    whole[len(whole) // 2] ^= 1
    assert code_of(bytes(whole)) == "unreadable_image"


def test_the_first_image_of_several_jpegs_is_read() -> None:
    stream = io.BytesIO()
    Image.fromarray(GREY).save(stream, format="MPO", save_all=True, append_images=[Image.fromarray(255 - GREY)], quality=95)
    pixels, header = read_raster(stream.getvalue())
    assert np.abs(pixels.astype(int) - GREY).max() < 8
    assert header.format == "jpeg"


def test_an_animation_is_refused() -> None:
    stream = io.BytesIO()
    Image.fromarray(GREY).save(stream, format="PNG", save_all=True, append_images=[Image.fromarray(255 - GREY)])
    assert code_of(stream.getvalue()) == "multi_frame"


def test_text_does_not_change_an_image() -> None:
    text = chunk(b"tEXt", b"Comment\0Doe^Jane") + chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a name"))
    assert np.array_equal(read_raster(make_png((48, 64), 8, 0, lines_of(NOISE), extra=text))[0], NOISE)


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_bomb_in_the_text_is_refused_unopened(kind: bytes) -> None:
    bomb = zlib.compress(b"\0" * 300_000_000, 1)
    body = {b"zTXt": b"k\0\0", b"iTXt": b"k\0\1\0\0\0", b"iCCP": b"k\0\0"}[kind] + bomb
    content = make_png((48, 64), 8, 0, lines_of(NOISE), extra=chunk(kind, body))
    tracemalloc.start()
    code = code_of(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert code == "unreadable_image"
    assert peak < 40_000_000


def test_a_bomb_in_the_pixels_is_not_inflated() -> None:
    lines = zlib.compress(b"\0" * 300_000_000, 1)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 0, 0, 0, 0))
    tracemalloc.start()
    pixels, _ = read_raster(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", lines) + chunk(b"IEND", b""))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not pixels.any()
    assert peak < 10_000_000


@pytest.mark.parametrize("side", [9_000, 14_000, 60_000])  # below and above the sizes at which Pillow itself raises
def test_a_huge_size_is_refused_by_its_header(side: int) -> None:
    assert code_of(make_png((side, side), 8, 0, b"\0" * 1000)) == "image_too_large"
    jpeg = bytearray(make_raster(GREY, "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", side, side)
    assert code_of(bytes(jpeg)) == "image_too_large"


def test_noise_behind_a_signature_is_refused() -> None:
    for start in (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"):
        for seed in range(50):
            assert code_of(start + np.random.default_rng(seed).bytes(500)) in ("unreadable_image", "image_too_large")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(1, 1), (5, 1), (1, 7), (33, 65), (9, 10, 3), (1, 1, 3)])
def test_what_is_written_is_read(dtype: Any, shape: tuple[int, ...]) -> None:
    top = np.iinfo(dtype).max + 1
    for pixels in (np.random.default_rng(4).integers(0, top, shape).astype(dtype), np.full(shape, top - 1, dtype)):
        back, header = read_raster(png_bytes(pixels))
        assert back.dtype == pixels.dtype
        assert np.array_equal(back, pixels)
        assert header.bits == 8 * pixels.dtype.itemsize


def test_written_files_hold_pixels_only_and_are_the_same_again() -> None:
    content = png_bytes(NOISE)
    assert content == png_bytes(np.asfortranarray(NOISE))
    kinds, place = [], 8
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        kinds.append(content[place + 4 : place + 8])
        place += 12 + length
    assert kinds == [b"IHDR", b"IDAT", b"IEND"]


def test_a_written_row_by_hand() -> None:
    # Paeth's prediction of (12) from left 10, above 0, corner 0 is left: 2; below, from left 20, above 12, corner 10: 22
    # lies nearest to 20 (left): 25 - 20 = 5.
    content = png_bytes(np.array([[10, 12], [20, 25]], np.uint8))
    start = content.index(b"IDAT")
    (length,) = struct.unpack_from(">I", content, start - 4)
    assert zlib.decompress(content[start + 4 : start + 4 + length]) == bytes([4, 10, 2, 4, 10, 5])


def test_other_arrays_cannot_be_written() -> None:
    for wrong in (np.zeros((2, 2)), np.zeros((2, 2, 4), np.uint8), np.zeros((0, 2), np.uint8), np.zeros(3, np.uint8)):
        with pytest.raises(ValueError, match="PNG"):
            png_bytes(wrong)
