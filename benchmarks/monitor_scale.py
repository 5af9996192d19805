"""What `radloop monitor` takes on a large record: seconds, memory, and whether the cost grows linearly.

Makes a record of so many answers with embeddings of 1024 numbers (a DenseNet-121's; about 4 kB an answer) and a bundle whose
`calibrate` had 500 images, at three sizes. Prints for each the seconds of a first run, which reads the whole record into the
index, of a second, which finds nothing new, and of a third after 1,000 more answers; the CPU seconds of each with its helpers,
which tell more than the clock on a machine that others use; the most memory of one process; and one JSON object.

    OMP_NUM_THREADS=1 python -m benchmarks.monitor_scale [--n 1000000] [--quick]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

WIDTH = 1024
COMMAND = (
    "import resource, sys; from radloop.cli import main\n"
    "if __name__ == '__main__':\n"
    "    try: main(['monitor', 'tb-cxr', '--json'])\n"
    "    except SystemExit: pass\n"
    "    own = next(int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
    "    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]\n"
    "    cpu = sum(one.ru_utime + one.ru_stime for one in used)\n"
    "    print(max(own, used[1].ru_maxrss) // 1024, round(cpu, 1), file=sys.stderr)\n"
)


def bodies(digest: str, start: int, n: int) -> Iterator[bytes]:
    """Yield canonical payloads; a thousand images take turns, each answered with another probability."""
    from radloop.images.quality import QUALITY
    from radloop.records.seal import canonical
    from tests.recorded import answer_payload, embedded, scored

    rng = np.random.default_rng(3)
    images = [
        (embedded(rng.normal(size=WIDTH)), dict(zip(QUALITY, rng.normal(0.5, 0.1, len(QUALITY)).tolist(), strict=True)))
        for _ in range(1000)
    ]
    model = {"version": 1, "bundle": digest, "data_version": "d", "evidence": None}
    for number in range(start, start + n):
        image = int(rng.integers(1000))
        vector, quality = images[image]
        members = {"model": model, "embedding": vector, "quality": quality, "sex": "FM"[int(rng.integers(2))]}
        members["file"] = f"hmac:{image:016x}" + "0" * 48
        yield canonical(answer_payload(number, **members, **scored(round(float(rng.random()), 9))))


def make(folder: Path, n: int) -> str:
    """Make an installation with a bundle and a record, and return the bundle's digest."""
    from radloop.images.quality import QUALITY
    from radloop.records.answers import answers_folder
    from radloop.settings import Settings
    from tests.bundles import make_bundle
    from tests.recorded import write_bodies
    from tests.services import point

    settings, rng = Settings(root=folder, home=folder / ".radloop"), np.random.default_rng(4)
    arrays = {
        "embeddings": rng.normal(size=(500, WIDTH)),
        "probabilities": rng.random((500, 1)),
        "quality": rng.normal(0.5, 0.1, (500, len(QUALITY))),
        "admitted": np.ones(500, dtype=bool),
        "patients": np.arange(500),
    }
    document = {"n": 500, "quality": list(QUALITY), "quality_of": "source", "counts": {"sex": {"F": 250, "M": 250}}}
    bundle = make_bundle(settings.bundles, reference=(arrays, document))
    point(bundle)
    digest = f"sha256:{bundle.name}"
    write_bodies(answers_folder(settings), bodies(digest, 0, n))
    return digest


def run(folder: Path) -> dict[str, float]:
    """Run the command in a process of its own."""
    script = folder / "monitor.py"
    script.write_text(COMMAND)
    environment = os.environ | {"RADLOOP_ROOT": str(folder), "RADLOOP_HOME": str(folder / ".radloop")}
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - begun
    found = json.loads(done.stdout)
    mebibytes, cpu = done.stderr.splitlines()[-1].split()
    return {
        "seconds": round(seconds, 1),
        "cpu_seconds": float(cpu),
        "mebibytes": float(mebibytes),
        "looks": len(found["drift"]["new"]),
        "rows": found["indexed"],
        "requests": found["served"]["requests"],
    }


def more(folder: Path, digest: str, start: int) -> None:
    """Append answers as a service does."""
    from radloop.records.answers import AnswerRecord, answers_folder
    from radloop.settings import Settings

    record = AnswerRecord(answers_folder(Settings(root=folder, home=folder / ".radloop")))
    for body in bodies(digest, start, 1000):
        record.append(json.loads(body))
    record.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1_000_000, help="answers of the largest record")
    parser.add_argument("--quick", action="store_true", help="a twentieth of that")
    asked = parser.parse_args()
    n = asked.n // 20 if asked.quick else asked.n
    result = {}
    for size in (n // 4, n // 2, n):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            digest = make(folder, size)
            first, second = run(folder), run(folder)
            more(folder, digest, size)
            third = run(folder)
        result[str(size)] = {"first": first, "nothing new": second, "1000 new": third}
        for what, found in result[str(size)].items():
            print(
                f"{size:>9} answers, {what:11}: {found['seconds']:6.1f} s, {found['cpu_seconds']:6.1f} CPU s, "
                f"{found['mebibytes']:5.0f} MiB, {found['looks']:.0f} looks"
            )
    print(json.dumps(result))


if __name__ == "__main__":
    main()
