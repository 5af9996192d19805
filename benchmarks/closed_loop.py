"""The loop closes: serve, shift the site, alarm, queue, labels, new data version, retrain, a person's key, and recovery.

Everything happens in a folder of its own with the commands that people type (`radloop retrain`, `keys`, `review`, `deploy`, `monitor`,
`queue`, `feedback`, `labelled`, `ingest --add`); answers are given in this process by the service's own recorder. Labels come from an
oracle: the phantoms' own. It differs from `phantom-cxr` as shipped in that it is small (96 pixels, one trial), its gate asks for
less (data, AUROC, parity), and no days lie between retrains.

1. Train on sites A and B, approve with a key, deploy. 80 own images are answered and labelled, 80 more only answered.
2. Site C arrives: 200 images. `monitor` alarms and asks for a retrain. 80 further images of C are an audit: answered and
   labelled by the oracle, and never learnt from. The live metric is the mean of sensitivity and specificity as `monitor` tells them
   of labels given since.
3. The queue names 80 of the answers that are not labelled; the oracle labels them; they become a data version; the
   request lets `retrain --when-due` begin; the candidate is approved with the key and deployed, and answers the audit again.
4. Chosen against random, on the embeddings that the record holds: a logistic regression of the 80 own labelled answers and either the queue's
   or random labels of equal number (10, 20, 40), drawn from a random 80% of the unlabelled, is scored on the audit, five times over. It stands
   for retraining the network, which would take an hour; only the head is learnt.

    OMP_NUM_THREADS=1 python -m benchmarks.closed_loop [--quick] [--keep FOLDER]

Prints each step, one JSON object, and in its last line the result. Exits 1 where there was no alarm, a gate said no, or the live metric did not
recover. Whether chosen labels beat random ones is told, not asked for.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

UC = "phantom-cxr"
SHIPPED = Path(__file__).resolve().parents[1] / "configs" / "use_cases" / f"{UC}.yaml"
SEEDS = 5
NUMBERS = (10, 20, 40)
"""Of labels, chosen and random; `radloop queue` lists 20 unless told otherwise."""
READER = "Dr. A. Reader"


@dataclass(frozen=True)
class Size:
    """How much is done."""

    train: int = 720
    epochs: int = 8
    own: int = 80
    shifted: int = 200
    audit: int = 80
    labels: int = 80


QUICK = Size(train=400, epochs=4, own=50, shifted=100, audit=50, labels=40)


@dataclass
class Site:
    """An installation of its own, and what its oracle knows."""

    root: Path
    truths: dict[str, str] = field(default_factory=dict)

    def radloop(self, *words: str) -> dict[str, Any]:
        """Run a command as a person does and return its object; anything but 0 ends the rehearsal."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("RADLOOP_", "PREFECT_API", "MLFLOW_TR"))
        }
        env = kept | {"OMP_NUM_THREADS": "1", "RADLOOP_PASSPHRASE": "an oracle reads"}
        command = [sys.executable, "-m", "radloop", *words, "--json"]
        done = subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"radloop {' '.join(words)}: exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return dict(json.loads(done.stdout))

    @property
    def settings(self) -> Any:
        """Return what the commands see."""
        from radloop.settings import Settings

        return Settings(root=self.root, home=self.root / ".radloop", use_cases=self.root / "configs" / "use_cases")

    def phantoms(self, name: str, n: int, seed: int, *, shifted: bool = False) -> list[tuple[Path, str]]:
        """Write phantoms, and return each with its label."""
        self.radloop("phantoms", name, "--n", str(n), "--seed", str(seed), *(["--plant", "site-shift"] if shifted else []))
        with (self.root / name / "manifest.csv").open(newline="") as stream:
            return [(self.root / name / row["path"], row["label"]) for row in csv.DictReader(stream)]

    def served(self) -> Path:
        """Return the folder of the bundle that is served."""
        from radloop.inference.pointer import read_pointer
        from radloop.monitoring.looks import served

        return served(read_pointer(self.settings.bundles, UC), UC).folder(self.settings.bundles)

    def answer(self, images: Sequence[tuple[Path, str]]) -> list[str]:
        """Answer images by what is served, record that, and return the requests' ids."""
        from radloop.errors import RadloopError
        from radloop.inference.predictor import Predictor
        from radloop.inference.recorded import Observed
        from radloop.serving.recording import Recorder

        predictor, recorder, names = Predictor(self.served(), streams=1), Recorder(self.settings), []
        for path, label in images:
            content, name, observed, outcome = path.read_bytes(), uuid.uuid4().hex, Observed(), None
            try:
                outcome = predictor.predict(content, request_id=name, observed=observed)
                self.truths[name] = label
                names.append(name)
            except RadloopError as refused:
                outcome = refused
            if recorder.write(name, recorder.hashed(content), None, observed, outcome) is None:
                sys.exit("an answer could not be recorded")
        recorder.close()
        return names

    def label(self, names: Sequence[str], file: str) -> None:
        """Let the oracle fill in a table, and send it in."""
        rows = "".join(f"{name},{self.truths[name]}\n" for name in names)
        (self.root / file).write_text(f"request_id,label\n{rows}")
        self.radloop("feedback", file, "--reader", "Oracle")

    def live(self, since: int) -> dict[str, float]:
        """Return the live metric, of labels given since a moment (ms since 1970), and what it is made of."""
        from radloop.monitoring.watch import monitor

        (found,) = monitor(UC, self.settings, since)["live"]["overall"]["findings"].values()
        numbers = {name: found[name]["value"] for name in ("sensitivity", "specificity", "auroc", "brier")}
        return {"live": (numbers["sensitivity"] + numbers["specificity"]) / 2, **numbers, "n": found["brier"]["n"]}

    def accept(self, version: int) -> None:
        """Approve a candidate with the person's key, and deploy it."""
        note = "rehearsal: the report was read by nobody"
        self.radloop("review", "approve", UC, str(version), "--key", "reader.key", "--note", note)
        self.radloop("deploy", UC)


def small(size: Size) -> dict[str, Any]:
    """Return phantom-cxr made small."""
    config: dict[str, Any] = yaml.safe_load(SHIPPED.read_text())
    config["image"]["size"] = 96
    config["search"] |= {"trials": 1, "max_epochs": size.epochs, "pruner": "none"}
    config["validation"] |= {"sites": [*config["validation"]["sites"], "C"]}
    config["policy"]["draws"] = 200
    config["policy"]["rules"] = [
        {"kind": "data_verdict", "name": "data_verdict"},
        {"kind": "lower_bound", "name": "auroc_lower", "metric": "auroc", "limit": 0.7},
        {"kind": "parity", "name": "parity", "max_difference": 0.001, "max_flips": 0},
    ]
    config["monitoring"] = {"retrain": {"reasons": ["alarm"], "cooldown_days": 0}}
    return config


def rehearse(root: Path, size: Size) -> dict[str, Any]:
    """Close the loop once, and return what was measured."""
    started, site = time.monotonic(), Site(root)

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:5.0f} s  {text}", flush=True)

    (root / ".radloop").mkdir(parents=True)
    (root / "configs" / "use_cases").mkdir(parents=True)
    (root / "configs" / "use_cases" / f"{UC}.yaml").write_text(yaml.safe_dump(small(size), sort_keys=False))
    site.phantoms("own", size.train, 15)
    own, shifted = site.phantoms("later", 2 * size.own, 16), site.phantoms("shifted", size.shifted, 17, shifted=True)
    audit = site.phantoms("audit", size.audit, 18, shifted=True)
    first = site.radloop("retrain", UC, "--source", "own")
    say(f"version {first['model_version']}: {first['verdict']}, test AUROC {first['metrics']['auroc']['value']:.3f}")
    site.radloop("keys", "new", READER, "--out", "reader.key")
    site.accept(first["model_version"])

    names = site.answer(own)
    labelled = names[: size.own]
    moment = now()
    site.label(labelled, "own.csv")
    quiet = site.radloop("monitor", UC)
    before = site.live(moment)
    say(f"own images: {'ALARM' if quiet['alarm'] else 'quiet'}, live {told(before)}")

    answered, alarm = 0, None
    while alarm is None and answered < len(shifted):
        names += site.answer(shifted[answered : answered + 25])
        answered += 25
        look = site.radloop("monitor", UC)["drift"]["last"]
        alarm = (answered, look["alarming"]) if look and look["alarm"] else None
    names += site.answer(shifted[answered:])
    if alarm is None:
        sys.exit(f"no alarm after {answered} images of another site")
    say(f"site C: alarm after {alarm[0]} images ({', '.join(alarm[1])})")
    moment = now()
    checked = site.answer(audit)
    site.label(checked, "audit.csv")
    during = site.live(moment)
    say(f"site C: live {told(during)}")

    versus = chosen_or_random(site, labelled, checked, size)
    for number in NUMBERS:
        one = versus[str(number)]
        say(f"{number} labels, head only, Brier score on the audit: chosen {one['chosen']}, random {one['random']}")
    site.radloop("queue", UC, "--n", str(size.labels), "--out", "queue.csv")
    with (root / "queue.csv").open(newline="") as stream:
        chosen = [row["request_id"] for row in csv.DictReader(stream)]
    site.label(chosen, "filled.csv")
    files = root / "sent"
    for folder in ("later", "shifted"):  # where the audit's images are not
        shutil.copytree(root / folder / "images", files / folder)
    learnt = site.radloop("labelled", UC, "--files", "sent", "--out", "labelled")
    added = site.radloop("ingest", UC, "--source", "labelled", "--add")
    say(f"{len(chosen)} chosen and labelled; {learnt['images']} labelled images make data version {added['data_version'][:8]}")

    second = site.radloop("retrain", UC, "--when-due")
    if "model_version" not in second:
        sys.exit(f"no retrain: {second['sentence']}")
    say(f"version {second['model_version']}: {second['verdict']}, test AUROC {second['metrics']['auroc']['value']:.3f}")
    site.accept(second["model_version"])
    moment = now()
    site.label(site.answer(audit), "again.csv")
    after = site.live(moment)
    say(f"site C, version {second['model_version']}: live {told(after)}")
    return {
        "alarm": {"images": alarm[0], "signals": alarm[1], "own_alarm": quiet["alarm"]},
        "live": {"own": before, "shifted": during, "retrained": after},
        "queue": versus,
        "data_versions": [first["data_version"], second["data_version"]],
        "labels": len(chosen),
        "seconds": round(time.monotonic() - started),
    }


def chosen_or_random(site: Site, labelled: Sequence[str], audit: Sequence[str], size: Size) -> dict[str, Any]:
    """Return the Brier score on the audit of heads that learnt the queue's labels and random ones, seed by seed."""
    from radloop.monitoring.queue import rank
    from radloop.monitoring.reference import read_reference
    from radloop.records.answers import answers_folder, glimpse

    reference, _ = read_reference(site.served())
    payloads = {name: found[-1] for name, found in glimpse(list(site.truths), answers_folder(site.settings)).items()}
    known, checked = vectors(payloads, labelled), vectors(payloads, audit)
    pool = [name for name in site.truths if name not in {*labelled, *audit}]
    base, shifted = np.concatenate([reference.embeddings, known]), set(pool[size.own :])
    found: dict[str, Any] = {"seeds": SEEDS}
    for number in NUMBERS:
        scores: dict[str, list[float]] = {"chosen": [], "random": []}
        shares: dict[str, list[float]] = {"chosen": [], "random": []}
        for seed in range(SEEDS):
            order = np.random.default_rng([13, seed]).permutation(len(pool))
            drawn = [pool[k] for k in order[: 4 * len(pool) // 5]]
            queued = [item.request_id for item in rank([payloads[name] for name in drawn], base, None, number)]
            for kind, names in (("chosen", queued), ("random", drawn[:number])):
                learnt = np.concatenate([known, vectors(payloads, names)])
                score = head(learnt, truth_of(site, [*labelled, *names]), checked, truth_of(site, audit))
                scores[kind].append(round(score, 4))
                shares[kind].append(float(np.mean([name in shifted for name in names])))
        found[str(number)] = {
            **{kind: round(float(np.mean(each)), 4) for kind, each in scores.items()},
            "each": scores,
            "wins": sum(a < b for a, b in zip(scores["chosen"], scores["random"], strict=True)),
            "of_site_c": {kind: round(float(np.mean(each)), 2) for kind, each in shares.items()},
        }
    return found


def vectors(payloads: dict[str, Any], names: Sequence[str]) -> NDArray[np.float64]:
    """Return the recorded embeddings of some requests."""
    from radloop.inference.recorded import embedding

    return np.stack([embedding(payloads[name]["embedding"]).astype(np.float64) for name in names])


def truth_of(site: Site, names: Sequence[str]) -> NDArray[np.int64]:
    """Return 1 for an opacity."""
    return np.array([site.truths[name] == "opacity" for name in names], dtype=np.int64)


def head(learnt: NDArray[Any], truths: NDArray[Any], checked: NDArray[Any], known: NDArray[Any]) -> float:
    """Return the Brier score of a logistic regression."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000)).fit(learnt, truths)
    return float(np.mean((model.predict_proba(checked)[:, 1] - known) ** 2))


def compared(number: int, found: dict[str, Any]) -> str:
    """Return whether chosen labels beat random ones: by their mean, and in most seeds."""
    beat = found["chosen"] < found["random"] and 2 * found["wins"] > SEEDS
    score = f"{found['chosen']:.3f} against {found['random']:.3f}, better in {found['wins']} of {SEEDS}"
    return f"{number} {'beat' if beat else 'did not beat'} as many random ones ({score})"


def told(found: dict[str, float]) -> str:
    """Return the live metric in words."""
    return (
        f"{found['live']:.3f} (sensitivity {found['sensitivity']:.3f}, specificity {found['specificity']:.3f}, "
        f"AUROC {found['auroc']:.3f}, Brier {found['brier']:.3f}, n {found['n']})"
    )


def now() -> int:
    """Return the time in milliseconds since 1970."""
    return int(time.time() * 1000)


def main() -> None:
    """Rehearse and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="about half of everything, to see that it runs")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where to work, and leave everything; a new folder")
    asked = parser.parse_args()
    size = QUICK if asked.quick else Size()
    if asked.keep:
        found = rehearse(asked.keep.resolve(), size)
    else:
        with tempfile.TemporaryDirectory() as name:
            found = rehearse(Path(name), size)
    print(json.dumps(found))
    live = found["live"]
    versus = "; ".join(compared(number, found["queue"][str(number)]) for number in NUMBERS)
    recovered = live["retrained"]["live"] > live["shifted"]["live"]
    print(
        f"Site C raised an alarm after {found['alarm']['images']} images; the live metric (mean of sensitivity and specificity) was "
        f"{live['own']['live']:.3f} at home, fell to {live['shifted']['live']:.3f} and {'recovered' if recovered else 'did not recover'} "
        f"to {live['retrained']['live']:.3f} after {found['labels']} labels, a retrain and a signed approval; "
        f"labels chosen by the queue, by the Brier score of a head on the audit over {SEEDS} seeds: {versus}."
    )
    sys.exit(0 if recovered else 1)


if __name__ == "__main__":
    main()
