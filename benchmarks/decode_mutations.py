"""Damage DICOM files in many ways and decode every frame of each in the pool.

    python benchmarks/decode_mutations.py [--n 10000] [--source DIR] [--seed 1]

The files are those of `dicom-edge` in `RADLOOP_REAL_DATA`, or else pydicom's own test files. Counted are the
outcomes by code; measured are the longest wall time of a file and the largest resident memory of a worker.
Exits 1 if the caller sees anything but pixels or a refusal, a file takes over 2 s, or a worker over 1 GiB.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
import pydicom.data
from pydicom.dataset import Dataset

from radloop.errors import Refusal
from radloop.images.pool import Pool

FUNCTION = "radloop.images.decode:census_reply"
MAX_SECONDS = 2.0
MAX_MEMORY = 1 << 30
SMALL = (0, 1, 2, 3, 7, 8, 15, 16, 63, 64, 255, 1024, 4096, 32767, 65535)
ELEMENTS = {
    b"\x28\x00\x02\x00": "SamplesPerPixel",
    b"\x28\x00\x06\x00": "PlanarConfiguration",
    b"\x28\x00\x10\x00": "Rows",
    b"\x28\x00\x11\x00": "Columns",
    b"\x28\x00\x00\x01": "BitsAllocated",
    b"\x28\x00\x01\x01": "BitsStored",
    b"\x28\x00\x02\x01": "HighBit",
    b"\x28\x00\x03\x01": "PixelRepresentation",
}
WORDS = {
    "NumberOfFrames": ("0", "-1", "2", "10", "1000000", "2147483647"),
    "RescaleSlope": ("0", "-1", "1e300", "1e-300", "NaN"),
    "RescaleIntercept": ("1e308", "-99999999"),
    "WindowWidth": ("0", "-5", "1e-9", "1e300"),
    "WindowCenter": ("1e300", "-1e300"),
    "PhotometricInterpretation": ("MONOCHROME1", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "PALETTE COLOR", "CMYK"),
    "PixelPaddingValue": ("0", "65535"),
}

Mutation = Callable[[bytearray, random.Random], bytes]


def flip(content: bytearray, draw: random.Random) -> bytes:
    """Change some bytes anywhere."""
    for _ in range(draw.choice((1, 2, 8, 64))):
        content[draw.randrange(len(content))] = draw.randrange(256)
    return bytes(content)


def flip_head(content: bytearray, draw: random.Random) -> bytes:
    """Change some bytes of the attributes, where most structure is."""
    for _ in range(draw.choice((1, 2, 8))):
        content[draw.randrange(min(len(content), 4096))] = draw.randrange(256)
    return bytes(content)


def flip_stream(content: bytearray, draw: random.Random) -> bytes:
    """Change some bytes near the beginning of a compressed stream, where its own header is."""
    starts = [place for place in (content.find(mark) for mark in (b"\xff\x4f\xff\x51", b"\xff\xd8\xff")) if place >= 0]
    start = draw.choice(starts) if starts else draw.randrange(len(content))
    for _ in range(draw.choice((1, 2, 4))):
        content[min(len(content) - 1, start + draw.randrange(2, 160))] = draw.choice((0, 1, 0x7F, 0xFF, draw.randrange(256)))
    return bytes(content)


def truncate(content: bytearray, draw: random.Random) -> bytes:
    """Cut the end off."""
    return bytes(content[: draw.randrange(1, len(content))])


def copy_block(content: bytearray, draw: random.Random) -> bytes:
    """Copy a block over another place, or insert it."""
    size = draw.choice((4, 16, 256, 4096))
    start, place = draw.randrange(len(content)), draw.randrange(len(content))
    end = place + (0 if draw.random() < 0.5 else size)
    return bytes(content[:place] + content[start : start + size] + content[end:])


def lie_in_bytes(content: bytearray, draw: random.Random) -> bytes:
    """Overwrite the value of an image element in explicit little endian: the length stays."""
    places = [place for place in (content.find(tag) for tag in ELEMENTS) if place >= 0]
    for place in draw.sample(places, min(len(places), draw.choice((1, 2)))):
        content[place + 8 : place + 10] = draw.choice(SMALL).to_bytes(2, "little")
    return bytes(content)


def lie_in_length(content: bytearray, draw: random.Random) -> bytes:
    """Overwrite the length of the pixel data or of another long element."""
    place = content.find(b"\xe0\x7f\x10\x00") if draw.random() < 0.5 else content.find(b"SQ\x00\x00") - 4
    if place > 0:
        length = draw.choice((0, 1, 2, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF, draw.randrange(1 << 20)))
        content[place + 8 : place + 12] = length.to_bytes(4, "little")
    return bytes(content)


def lie_in_header(content: bytearray, draw: random.Random) -> bytes:
    """Set image elements anew and write the file as pydicom does."""
    try:
        dataset = pydicom.dcmread(io.BytesIO(bytes(content)), force=True)
        for _ in range(draw.choice((1, 2, 3))):
            set_element(dataset, draw)
        stream = io.BytesIO()
        dataset.save_as(stream)
        return stream.getvalue()
    except Exception:  # noqa: BLE001 - pydicom writes no such file: another mutation serves as well
        return flip_head(content, draw)


def set_element(dataset: Dataset, draw: random.Random) -> None:
    """Give one image element a value that does not fit."""
    if draw.random() < 0.6:
        setattr(dataset, draw.choice(list(ELEMENTS.values())), draw.choice(SMALL))
    elif draw.random() < 0.8:
        keyword = draw.choice(list(WORDS))
        word = draw.choice(WORDS[keyword])
        setattr(dataset, keyword, int(word) if keyword == "PixelPaddingValue" else word)
    else:
        nested = Dataset()
        for _ in range(draw.choice((10, 3000))):
            outer = Dataset()
            outer.ReferencedImageSequence = [nested]
            nested = outer
        dataset.SourceImageSequence = [nested]


MUTATIONS: tuple[Mutation, ...] = (
    flip,
    flip_head,
    flip_stream,
    truncate,
    copy_block,
    lie_in_bytes,
    lie_in_length,
    lie_in_header,
)


def source_files(folder: Path | None) -> list[Path]:
    """Return the files that are damaged."""
    data = os.environ.get("RADLOOP_REAL_DATA")
    if folder is None:
        folder = Path(data) / "dicom-edge" if data else Path(pydicom.data.__file__).parent / "test_files"
    return sorted(path for path in folder.rglob("*.dcm") if path.stat().st_size < 2_000_000)


def damaged(files: list[Path], n: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield the mutation's name and the content of each damaged file."""
    for number in range(n):
        draw = random.Random(f"{seed}/{number}")
        content = bytearray(files[number % len(files)].read_bytes())
        mutation = draw.choice(MUTATIONS)
        yield f"{mutation.__name__} of {files[number % len(files)].name}, number {number}", mutation(content, draw)


def peak_memory() -> int:
    """Return the largest resident memory of any child of this process so far, bytes."""
    peaks = [resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024]  # of those that died
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        except OSError:  # it has ended
            continue
        if lines.get("PPid", "").strip() == str(os.getpid()) and "VmHWM" in lines:
            peaks.append(int(lines["VmHWM"].split()[0]) * 1024)
    return max(peaks)


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--source", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    files = source_files(options.source)
    outcomes: Counter[str] = Counter()
    crashes, slow = [], []
    longest, where, memory = 0.0, "", 0
    with Pool(1) as pool:
        warm = False
        for what, content in damaged(files, options.n, options.seed):
            if not warm:  # a worker's start, at first or after a death, is no file's time
                pool.call(FUNCTION, files[0].read_bytes(), None, size=1 << 20)
                warm = True
            started = time.monotonic()
            try:
                reply, _ = pool.call(FUNCTION, content, None, size=len(content))
                outcomes[f"decoded, {'one frame' if reply['frames'] == 1 else 'several frames'}"] += 1
            except Refusal as refusal:
                outcomes[refusal.code] += 1
                warm = refusal.code not in ("decode_timeout", "decoder_crashed")
            except Exception as error:  # noqa: BLE001 - what this benchmark looks for
                outcomes["CALLER SAW " + type(error).__name__] += 1
                crashes.append(what)
            seconds = time.monotonic() - started
            memory = max(memory, peak_memory())
            if seconds > longest:
                longest, where = seconds, what
            slow += [what] if seconds > MAX_SECONDS else []
            if not warm:
                print(f"a worker died of {what}", file=sys.stderr)
    report(outcomes, longest, where, memory)
    for what in (*crashes, *slow):
        print("  " + what)
    return 1 if crashes or slow or memory > MAX_MEMORY else 0


def report(outcomes: Counter[str], longest: float, where: str, memory: int) -> None:
    """Print one table."""
    for code, count in outcomes.most_common():
        print(f"{count:7}  {code}")
    print(f"{sum(outcomes.values()):7}  in all; the caller ran to the end")
    print(f"longest {longest:.2f} s ({where}); largest worker {memory / 2**20:.0f} MiB")


if __name__ == "__main__":
    sys.exit(main())
