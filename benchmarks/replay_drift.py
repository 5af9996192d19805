"""A replay of what happens when another population arrives: the alarm, how many images it took, and false alarms without cause.

Takes the newest bundle of `tb-cxr` of an installation and its data version (`--root`, default this one), real images of other
populations from RADLOOP_REAL_DATA (default `../shared/data`), and answers for all of them with that bundle. Where there is no such bundle, it
trains `phantom-cxr` small in a folder of its own, and the other population is `radloop phantoms --plant site-shift`.

* **Replay.** An installation of its own serves the bundle. Weeks of 100 of its own images of `test` are recorded, drawn anew
  each week; then images of another population. `monitor` looks after each 25 images: how many of them did the alarm take?
* **Null weeks.** 200 times the patients of `calibrate` and `test` together are parted into a week of 100 and a reference of
  the rest, and the week's two windows are looked at: how many looks alarm? The budget allows `false_alarms` a look.

Prints both and one JSON object.

    OMP_NUM_THREADS=1 python -m benchmarks.replay_drift [--root FOLDER] [--nulls 200] [--each 120]
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radloop.errors import RadloopError
from radloop.images.quality import QUALITY
from radloop.inference.predictor import Predictor
from radloop.monitoring.drift import Sample, look
from radloop.monitoring.reference import Reference, rounded
from radloop.settings import Settings
from radloop.use_case import Monitoring

WEEK = 100
STEP = 25
Images = Sequence["Image"]


@dataclass(frozen=True)
class Image:
    """One image as the record would keep it."""

    patient: str
    sex: str | None
    band: str | None
    embedding: NDArray[np.float32]
    scores: NDArray[np.float64]
    quality: dict[str, float]
    code: str | None
    findings: list[dict[str, Any]]


def answered(predictor: Predictor, content: bytes, patient: str, sex: str | None, age: float | None) -> Image | None:
    """Return what the bundle says of an image; None where it cannot be read."""
    from radloop.images.decode import decode
    from radloop.inference.recorded import Observed
    from radloop.use_case import Subgroups

    observed = Observed()
    code, found = None, []
    try:
        decoded = decode(content, predictor.facts.image)
        found = predictor.predict(decoded, observed=observed).model_dump(mode="json")["findings"]
    except RadloopError as error:
        code = error.code
        if observed.decoded is None:
            return None
    scored = observed.scored or predictor.score(decoded)
    band = Subgroups().age_band(age)
    return Image(patient, sex, band, scored.embedding, scored.probabilities, asdict(decoded.quality), code, found)


def reference_of(images: Images) -> Reference:
    """Return what a bundle would carry of these images."""
    kept = [image for image in images if image.code is None]
    sexes, bands = (Counter(word for word in words if word) for words in zip(*((i.sex, i.band) for i in kept), strict=True))
    return Reference(
        embeddings=rounded(np.stack([image.embedding for image in kept])),
        scores=np.stack([image.scores for image in kept]),
        quality=np.array([[image.quality[name] for name in QUALITY] for image in kept]),
        counts={"sex": sexes, "age_band": bands, "site": {}},
        refused=(len(images) - len(kept), len(images)),
    )


def sample_of(images: Images) -> Sample:
    """Return a window of these images."""
    kept = [image for image in images if image.code is None]
    return Sample(
        embeddings=rounded(np.stack([image.embedding for image in kept])),
        scores=np.stack([image.scores for image in kept]),
        quality=np.array([[image.quality[name] for name in QUALITY] for image in kept]),
        words={"sex": [i.sex for i in kept if i.sex], "age_band": [i.band for i in kept if i.band], "site": []},
        refused=(len(images) - len(kept), len(images)),
    )


def one_a_patient(images: Images) -> list[Image]:
    """Return the first image of each patient."""
    return list({image.patient: image for image in reversed(images)}.values())


def null_weeks(own: Images, outputs: tuple[str, ...], policy: Monitoring, number: int) -> dict[str, Any]:
    """Part the same population anew each time, and count the looks that alarm."""
    everyone, alarms, looks, p = one_a_patient(own), Counter[str](), 0, []
    week = min(WEEK, len(everyone) // 2)
    false = 0
    for turn in range(number):
        order = np.random.default_rng([9, turn]).permutation(len(everyone))
        reference = reference_of([everyone[k] for k in order[week:]])
        for start in range(0, week - policy.window + 1, policy.window):
            window = [everyone[k] for k in order[start : start + policy.window]]
            judged = look(reference, sample_of(window), outputs, policy, seed=turn * 10 + start)
            alarms.update(item.signal for item in judged if item.alarm)
            false += any(item.alarm for item in judged)
            looks += 1
            p.append(min(item.p for item in judged if item.p is not None))
    return {
        "weeks": number,
        "looks": looks,
        "alarms": false,
        "allowed": round(looks * policy.false_alarms, 2),
        "signals": dict(alarms),
        "patients": len(everyone),
    }


def replay(bundle: Path, own: tuple[Images, Images], other: Images) -> dict[str, Any]:
    """Record weeks of own images and then another population's, and count how many of these the alarm takes."""
    from radloop.inference.bundle import CONTENT, read_facts
    from radloop.monitoring.watch import monitor
    from radloop.records.answers import AnswerRecord, answers_folder
    from tests.bundles import make_bundle
    from tests.recorded import answer_payload, embedded, refusal
    from tests.services import point

    calibrate, test = own
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(root=Path(name), home=Path(name) / ".radloop")
        facts = read_facts(bundle / CONTENT)
        kept = [image for image in calibrate if image.code is None]
        arrays = {
            "embeddings": np.stack([image.embedding for image in calibrate]),
            "probabilities": np.stack([image.scores for image in calibrate]),
            "quality": np.array([[image.quality[name] for name in QUALITY] for image in calibrate]),
            "admitted": np.array([image.code is None for image in calibrate]),
            "patients": np.unique([image.patient for image in calibrate], return_inverse=True)[1],
        }
        words = {
            "sex": dict(Counter(image.sex for image in one_a_patient(kept) if image.sex)),
            "age_band": dict(Counter(image.band for image in one_a_patient(kept) if image.band)),
        }
        document = {"n": len(calibrate), "quality": list(QUALITY), "quality_of": "source", "counts": words}
        served = make_bundle(settings.bundles, reference=(arrays, document), use_case=facts.use_case, labels=facts.labels)
        point(served)
        model = {"version": 1, "bundle": f"sha256:{served.name}", "data_version": "d", "evidence": None}
        rng, number, record = np.random.default_rng(5), 0, AnswerRecord(answers_folder(settings))

        def send(images: Images) -> None:
            nonlocal number
            for image in images:
                members: dict[str, Any] = {
                    "use_case": facts.use_case,
                    "model": model,
                    "embedding": embedded(image.embedding),
                    "quality": image.quality,
                    "sex": image.sex,
                    "age_band": image.band,
                    "patient": image.patient,
                    "findings": image.findings,
                    "prediction_set": None,
                }
                record.append(answer_payload(number, **(members | (refusal(image.code) if image.code else {}))))
                number += 1

        everyone, before, weeks = one_a_patient(test), 0, 4
        for _ in range(weeks):
            send([everyone[int(k)] for k in rng.permutation(len(everyone))[: min(WEEK, len(everyone))]])
            before += sum(item["alarm"] for item in monitor(facts.use_case, settings)["drift"]["new"])
        send([everyone[int(k)] for k in rng.permutation(len(everyone))[:13]])  # the change falls into a window
        order, taken, alarming = rng.permutation(len(other)), 0, []
        while taken < len(other) and not alarming:
            send([other[int(k)] for k in order[taken : taken + STEP]])
            taken += min(STEP, len(other) - taken)
            new = monitor(facts.use_case, settings)["drift"]["new"]
            alarming = next((item["alarming"] for item in new if item["alarm"]), [])
        record.close()
    return {"alarms_before": before, "images": taken if alarming else None, "signals": alarming}


def real(root: Path, data: Path, each: int) -> tuple[Path, tuple[Images, Images], dict[str, Images]] | None:
    """Return a bundle of tb-cxr, what it says of its own images, and of other populations; None where there is none."""
    import pandas as pd

    settings = Settings(root=root, home=root / ".radloop")
    folder = settings.data / "tb-cxr"
    bundles = sorted(settings.bundles.glob("tb-cxr/*/bundle"), key=lambda path: path.stat().st_mtime)
    if not bundles or not (folder / "manifest.parquet").is_file() or not data.is_dir():
        return None
    predictor = Predictor(bundles[-1].parent, approved=False, streams=1)
    frame = pd.read_parquet(folder / "manifest.parquet")
    frame = frame[frame["excluded"].isna()]

    def own(split: str) -> list[Image]:
        rows = frame[frame["split"] == split]
        found = [answered(predictor, (folder / r.path).read_bytes(), r.patient, r.sex, r.age) for r in rows.itertuples()]
        return [image for image in found if image is not None]

    calibrate, test = own("calibrate"), own("test")
    rows = frame[frame["split"] == "test"].iloc[:each]
    shifted = [answered(predictor, _exposed(folder / r.path), r.patient, r.sex, r.age) for r in rows.itertuples()]
    others = {
        "kermany_pneumonia_224 normals": _listed(predictor, data / "kermany_pneumonia_224", {"label": "NORMAL"}, each),
        "covid_chestxray_256": _listed(predictor, data / "covid_chestxray_256", {}, each),
        "tb_shenzhen_256, exposure shifted": [image for image in shifted if image is not None],
    }
    return bundles[-1].parent, (calibrate, test), others


def _listed(predictor: Predictor, folder: Path, only: dict[str, str], each: int) -> list[Image]:
    with (folder / "manifest.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if all(row[name] == value for name, value in only.items())]
    chosen = np.random.default_rng(2).permutation(len(rows))[:each]
    found = [
        answered(predictor, (folder / rows[k]["path"]).read_bytes(), rows[k]["patient_id"], rows[k].get("sex") or None, None)
        for k in chosen
    ]
    return [image for image in found if image is not None]


def _exposed(path: Path) -> bytes:
    """Return a copy of an image that was exposed by half a stop more and shows less contrast."""
    import io

    from PIL import Image as Pillow

    grey = np.asarray(Pillow.open(path).convert("L"), dtype=np.float64) / 255
    stream = io.BytesIO()
    Pillow.fromarray(np.round(255 * (0.08 + 0.85 * grey**0.75)).astype(np.uint8)).save(stream, format="PNG")
    return stream.getvalue()


@contextlib.contextmanager
def phantoms(each: int) -> Iterator[tuple[Path, tuple[Images, Images], dict[str, Images]]]:
    """Train `phantom-cxr` small, and yield what its bundle says of its own phantoms and of another site's."""
    import pandas as pd

    from radloop.data.phantoms import Defect, write_phantoms
    from tests.installations import make_installation

    with tempfile.TemporaryDirectory() as name:
        site, source, other = make_installation(Path(name) / "site"), Path(name) / "own", Path(name) / "other"
        write_phantoms(source, n=720, seed=5)
        write_phantoms(other, n=2 * each, seed=6, plant=(Defect.SITE_SHIFT,))
        site.run("retrain", "phantom-cxr", "--source", str(source), check=0)
        bundle = next(site.settings.bundles.glob("phantom-cxr/*/bundle")).parent
        predictor = Predictor(bundle, approved=False, streams=1)
        folder = site.settings.data / "phantom-cxr"
        frame = pd.read_parquet(folder / "manifest.parquet")

        def own(split: str) -> list[Image]:
            rows = frame[(frame["split"] == split) & frame["excluded"].isna()]
            found = [answered(predictor, (folder / r.path).read_bytes(), r.patient, r.sex, r.age) for r in rows.itertuples()]
            return [image for image in found if image is not None]

        with (other / "manifest.csv").open(newline="") as stream:
            listed = list(csv.DictReader(stream))
        sites = Counter(row["site"] for row in listed)
        shifted = [row for row in listed if row["site"] == sorted(sites)[-1]][:each]
        found = [answered(predictor, (other / row["path"]).read_bytes(), row["patient"], None, None) for row in shifted]
        yield bundle, (own("calibrate"), own("test")), {"phantoms of another site": [image for image in found if image]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=Settings().root, help="the installation whose tb-cxr is replayed")
    parser.add_argument("--nulls", type=int, default=200)
    parser.add_argument("--each", type=int, default=120, help="images of each other population")
    asked = parser.parse_args()
    data = Path(os.environ.get("RADLOOP_REAL_DATA") or "../shared/data")
    with contextlib.ExitStack() as stack:
        found = real(asked.root, data, asked.each)
        kind = "real radiographs" if found else "phantoms"
        bundle, own, others = found or stack.enter_context(phantoms(asked.each))
        policy = Monitoring()
        print(f"{kind}: calibrate {len(own[0])}, test {len(own[1])} images", file=sys.stderr)
        from radloop.inference.bundle import CONTENT, read_facts

        nulls = null_weeks([*own[0], *own[1]], read_facts(bundle / CONTENT).outputs, policy, asked.nulls)
        replays = {name: replay(bundle, own, images) for name, images in others.items()}
    print(
        f"{nulls['weeks']} null weeks of {nulls['patients']} patients: {nulls['alarms']} of {nulls['looks']} looks alarm, {nulls['allowed']} allowed"
    )
    for name, result in replays.items():
        print(
            f"{name}: alarm after {result['images']} images ({', '.join(result['signals'])}); {result['alarms_before']} alarms before"
        )
    print(json.dumps({"images": kind, "nulls": nulls, "replays": replays}))


if __name__ == "__main__":
    main()
