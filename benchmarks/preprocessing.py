"""Whether a use case gains from reduced noise, equalised contrast or cut margins before the network.

    python -m benchmarks.preprocessing [USE_CASE]... [--images 400]

Works on what `make results` took in, and never on `test` or `calibrate`: some images of `train` and `tune`, frozen ImageNet
features of each as it is and as it was worked on, and a logistic regression on five folds that keep patients, scans and blocks of
slices whole. Prints the AUROC as it is and, for every way, what is gained, with the 95% interval of a bootstrap over the same units.
Of forty gains one is above 0 for certain by chance.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from skimage import exposure
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.results.baselines import features
from benchmarks.results.installation import plan, settings, write_use_case
from radloop.data import versions
from radloop.evaluation.cases import Cases
from radloop.statistics import outputs
from radloop.statistics.arrays import FloatArray
from radloop.statistics.intervals import Interval, resample
from radloop.training.pixels import load_pixels

Picture = NDArray[np.uint8]
FOLDS = 5
STRENGTH = 0.003
"""Inverse regularisation strength: the middle of what the baselines of the results page choose from."""


def noise_reduced(image: Picture) -> Picture:
    """Replace each pixel by the median of its 3 x 3 neighbours."""
    return np.array(Image.fromarray(image).filter(ImageFilter.MedianFilter(3)))


def contrast_equalised(image: Picture) -> Picture:
    """Equalise the histogram of each neighbourhood, limited (CLAHE; Zuiderveld, Graphics Gems IV, 1994)."""
    return np.asarray(np.rint(exposure.equalize_adapthist(image, clip_limit=0.01) * 255), np.uint8)


def grey_values_stretched(image: Picture) -> Picture:
    """Spread the grey values from the first to the last percent over the whole range."""
    low, high = np.percentile(image, [1, 99])
    return np.asarray(np.clip((image - low) / max(high - low, 1) * 255, 0, 255), np.uint8)


def margins_cut(image: Picture) -> Picture:
    """Cut away rows and columns with next to nothing in them, and bring the rest to the same side."""
    seen = image > 0.1 * np.percentile(image, 99)
    rows, columns = (np.flatnonzero(seen.mean(axis=axis) > 0.02) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return image
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return np.array(Image.fromarray(image).resize(image.shape[::-1], Image.Resampling.BILINEAR, box=box))


WAYS: dict[str, Callable[[Picture], Picture]] = {
    "noise reduced": noise_reduced,
    "contrast equalised": contrast_equalised,
    "grey values stretched": grey_values_stretched,
    "margins cut": margins_cut,
}


def sample(cases: Cases, count: int) -> NDArray[np.int64]:
    """Draw whole units until `count` images are there."""
    order = np.random.default_rng(0).permutation(int(cases.units.max()) + 1)
    rank = np.argsort(order)[cases.units]
    return np.flatnonzero(rank <= np.sort(rank)[min(count, len(cases)) - 1])


def said(x: NDArray[np.float32], truth: FloatArray, units: NDArray[np.int64]) -> FloatArray:
    """Return what the regression says of each image from the other folds, [n], 0 where the truth is unknown."""
    known = ~np.isnan(truth)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=2000))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    found = np.zeros(len(truth))
    found[known] = cross_val_predict(model, x[known], truth[known], groups=units[known], cv=folds, method="predict_proba")[:, 1]
    return found


def gains(name: str, count: int) -> dict[tuple[str, str], Interval] | None:
    """Return the AUROC as it is and what each way gains; None where the data was not taken in, or nothing can be judged."""
    use_case = write_use_case(next(entry for entry in plan() if entry.name == name), seed=1)
    version = versions.pinned(name, settings())
    if version is None:
        return None
    pixels = load_pixels(use_case, version.version, settings())
    rows = np.sort(np.concatenate([pixels.taught("train"), pixels.taught("tune")]))
    truths = np.asarray(pixels.truths, np.float64)
    cases = Cases(pixels.frame.iloc[rows], truths[rows], truths[rows], np.ones(len(rows), bool))
    chosen = sample(cases, count)
    cases, rows = cases.within(chosen), rows[chosen]
    labels = np.flatnonzero(outputs.evaluable(cases.truths, cases.units, of_patients=FOLDS))
    if not len(labels):
        return None
    images = np.array(pixels.images[rows])
    measures = {}
    for way, work in {"as it is": lambda image: image, **WAYS}.items():
        x = features(np.stack([work(image) for image in images]))
        measures[way] = [
            outputs.one(
                said(x, cases.truths[:, label], cases.units),
                cases.truths[:, label],
                cases.units,
                threshold=0.5,
                metrics=("auroc",),
            )
            for label in labels
        ]

    def measure(weights: FloatArray) -> Mapping[tuple[str, str], FloatArray]:
        areas = {way: np.mean([one(weights)[None, "auroc"] for one in those], axis=0) for way, those in measures.items()}
        return {("auroc", "as it is"): areas["as it is"]} | {("gain", way): areas[way] - areas["as it is"] for way in WAYS}

    units = int(cases.units.max()) + 1
    return resample(measure, units, cases=len(cases), draws=1000, signed=lambda named: named[0] == "gain")


def main() -> None:
    """Print a row a use case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("use_cases", nargs="*", metavar="USE_CASE")
    parser.add_argument("--images", type=int, default=400, help="of each use case, about; whole patients are drawn")
    options = parser.parse_args()
    for name in options.use_cases or [entry.name for entry in plan() if entry.frozen]:
        found = gains(name, options.images)
        if found is None:
            print(f"{name}: not taken in here, or too few cases", flush=True)
            continue
        print(f"{name}: AUROC {written(found['auroc', 'as it is'])}", flush=True)
        for way in WAYS:
            gain = found["gain", way]
            verdict = "helps" if gain.low > 0 else "harms" if gain.high < 0 else ""
            print(f"  {way:22} {written(gain, '+')}  {verdict}", flush=True)


def written(interval: Interval, sign: str = "") -> str:
    """Return a number with its interval."""
    return f"{interval.value:{sign}.3f} [{interval.low:{sign}.3f}, {interval.high:{sign}.3f}]"


if __name__ == "__main__":
    main()
