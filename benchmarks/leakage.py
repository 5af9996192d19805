"""How long the leakage firewall takes on many images, what it compares, and whether it misses anything.

    python benchmarks/leakage.py [--images 200000] [--copies 2000]

Synthetic fingerprints on one core: smooth pictures that resemble each other as chest radiographs do (the median
correlation of two is printed; it is 0.62 and 0.66 among Kermany's and Shenzhen's), in four splits. Planted are
copies in another split, with noise in the picture and flipped bits in the hash, some of them beyond the limits. A
sample is also compared with all others.
"""

from __future__ import annotations

import argparse
import os
import resource
import time

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radloop.data.leakage import find_leaks
from radloop.data.leakage.duplicates import near_pairs
from radloop.images.fingerprint import correlations, dhash_bits
from radloop.use_case import SPLITS, Leakage

SPEC = Leakage()
SHARES = (0.60, 0.15, 0.10, 0.15)
_MODES = 10


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=200_000)
    parser.add_argument("--copies", type=int, default=2_000)
    options = parser.parse_args()
    random = np.random.default_rng(20260101)
    images = pictures(options.images, random)
    splits = random.choice(4, options.images, p=SHARES)
    bits = hash_bits(images)
    originals, copies = plant(images, bits, splits, options.copies, random)
    hashes = [row.tobytes().hex() for row in np.packbits(bits, axis=1)]
    words = dhash_bits(hashes)
    a, b = random.integers(0, options.images, (2, 4_000))
    print(f"{options.images:,} images, median correlation of two of them {np.median(correlations(images[a], images[b])):.2f}")
    memory = peak()

    started = time.process_time()
    found = near_pairs(lambda places: images[places], words, splits, ~np.eye(4, dtype=bool), SPEC.hash_distance, SPEC.correlation)
    seconds = time.process_time() - started
    sizes = np.bincount(splits, minlength=4).astype(np.int64)
    across = (options.images**2 - int((sizes * sizes).sum())) // 2
    print(
        f"search: {seconds:.1f} s of one core; pairs across splits {across:,}, measured in the eight projections {found.compared:,}"
    )
    print(f"        ({found.compared / across:.1%}), confirmed on the thumbnails {found.confirmed:,}; found {len(found.first):,}")
    print(f"planted copies within both limits: {recall(images, words, originals, copies, found.first, found.second)}")
    print(
        f"a sample compared with all others: {missed(images, words, splits, copies[:100], found.first, found.second)} pairs missed"
    )

    names = [f"{number:016x}" for number in range(options.images)]
    frame = pd.DataFrame({"id": names, "patient": names, "group": None, "split": [SPLITS[split] for split in splits]})
    frame = frame.assign(excluded=None, kind="image", pixels=names, dhash=hashes)
    started = time.process_time()
    leaks = find_leaks(frame, dict(zip(names, images, strict=True)), SPEC)
    print(f"find_leaks: {time.process_time() - started:.1f} s of one core in all, {len(leaks):,} findings")
    print(
        f"memory: {peak():.2f} GiB at its peak, of which {images.nbytes / 2**30:.2f} are thumbnails; {memory:.2f} before the search"
    )


def pictures(count: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Return uint8 [n, 64, 64]: a common picture and cosines whose amplitude falls with their frequency."""
    angles = np.pi * (np.arange(64) + 0.5) / 64
    waves = np.cos(np.outer(np.arange(_MODES), angles))
    modes = np.einsum("ix,jy->ijxy", waves, waves).reshape(-1, 4096)[1:].astype(np.float32)
    frequency = np.hypot(*np.divmod(np.arange(1, _MODES * _MODES), _MODES))
    amplitude = (1 / frequency**1.1).astype(np.float32)
    common = (random.standard_normal(len(modes)) * amplitude).astype(np.float32)
    common *= 1.5 * np.linalg.norm(amplitude) / np.linalg.norm(common)
    made = np.empty((count, 64, 64), np.uint8)
    for start in range(0, count, 4096):
        part = made[start : start + 4096]
        field = (common + random.standard_normal((len(part), len(modes)), np.float32) * amplitude) @ modes
        field += 0.05 * random.standard_normal(field.shape, np.float32)
        part[:] = np.clip(128 + 22 * field, 0, 255).reshape(part.shape)
    return made


def hash_bits(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return bool [n, 256]: differences along 16 rows of a picture, as a difference hash has them."""
    columns = np.linspace(0, 63, 17).astype(int)
    made = np.empty((len(images), 256), np.bool_)
    for start in range(0, len(images), 4096):
        part = images[start : start + 4096, 2::4][:, :, columns]
        made[start : start + 4096] = (part[:, :, 1:] > part[:, :, :-1]).reshape(-1, 256)
    return made


def plant(
    images: NDArray[np.uint8], bits: NDArray[np.bool_], splits: NDArray[np.int64], count: int, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Make images copies of others in another split: noise of up to 2 grey values, up to 40 other bits."""
    chosen = random.permutation(len(images))[: 2 * count]
    originals, copies = chosen[:count], chosen[count:]
    for original, copy in zip(originals, copies, strict=True):
        noise = random.uniform(0, 2) * random.standard_normal((64, 64))
        images[copy] = np.clip(images[original] + noise, 0, 255)
        bits[copy] = bits[original]
        flipped = random.choice(256, random.integers(0, 41), replace=False)
        bits[copy, flipped] ^= True
        splits[copy] = (splits[original] + random.integers(1, 4)) % 4
    return originals, copies


def recall(
    images: NDArray[np.uint8],
    words: NDArray[np.uint64],
    originals: NDArray[np.int64],
    copies: NDArray[np.int64],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
) -> str:
    """Return how many planted pairs that meet both limits were found."""
    close = np.bitwise_count(words[originals] ^ words[copies]).sum(axis=1) <= SPEC.hash_distance
    meant = close & (correlations(images[originals], images[copies]) >= SPEC.correlation)
    pairs = set(zip(first.tolist(), second.tolist(), strict=True))
    wanted = [tuple(sorted(pair)) for pair in zip(originals[meant].tolist(), copies[meant].tolist(), strict=True)]
    return f"{sum(pair in pairs for pair in wanted):,} of {len(wanted):,} found ({len(originals):,} planted)"


def missed(
    images: NDArray[np.uint8],
    words: NDArray[np.uint64],
    splits: NDArray[np.int64],
    sample: NDArray[np.int64],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
) -> int:
    """Compare each image of a sample with all others and count the near-duplicates that the search does not have."""
    pairs = set(zip(first.tolist(), second.tolist(), strict=True))
    lost = 0
    for one in sample.tolist():
        near = np.bitwise_count(words ^ words[one]).sum(axis=1) <= SPEC.hash_distance
        others = np.flatnonzero(near & (splits != splits[one]))
        same = correlations(images[others], np.broadcast_to(images[one], (len(others), 64, 64))) >= SPEC.correlation
        lost += sum((min(one, other), max(one, other)) not in pairs for other in others[same].tolist())
    return lost


def peak() -> float:
    """Return the largest resident size so far, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main()
