"""The Bento: the service and every served bundle in one package that runs without this installation."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from radloop.errors import IntegrityError, ToolError
from radloop.inference.bundle import APPROVAL, CONTENT, EVIDENCE, SIGNATURE, read_facts
from radloop.inference.pointer import Pointer, read_pointer, replace_pointer, served_use_cases
from radloop.inference.reviewers import reviewers_file
from radloop.inference.verification import verify
from radloop.records.seal import digest_document, digest_file, digest_folder
from radloop.settings import Settings
from radloop.use_case import EngineKind

logger = logging.getLogger("radloop.packaging")

NAME = "radloop-service"
"""Not a name that Python could import: `bentoml serve NAME:VERSION` would take an installed package of that
name for the service, and run its code instead of the Bento's."""

SERVICE = "radloop.serving.service:Radloop"
PACKAGES = (
    "av",
    "bentoml",
    "cryptography",
    "fastapi",
    "httptools",
    "httpx",
    "numpy",
    "pillow",
    "pydantic",
    "pydantic-settings",
    "pydicom",
    "pylibjpeg",
    "pylibjpeg-libjpeg",
    "pylibjpeg-openjpeg",
    "pylibjpeg-rle",
    "python-multipart",
    "pyyaml",
    "scipy",
    "uvloop",
)
"""What the service imports; they and all that they need are pinned to the versions that are installed here."""

_RUNTIMES: Mapping[EngineKind, tuple[str, ...]] = {"openvino": ("openvino",), "onnxruntime": ("onnxruntime-gpu", "onnxruntime")}
"""What runs a bundle, by its engine: the first of these that is installed. A Bento has those of its bundles."""

_READING = ("gradio", "highdicom")
"""What the reading page needs beside it; without them the page says so, and the rest is served."""

_MODULES = ("__init__.py", "clinical.py", "configuration.py", "errors.py", "py.typed", "settings.py")
_SUBPACKAGES = ("client", "configs", "images", "inference", "records", "serving", "statistics", "use_case")
_LABEL = "radloop-content"


def build_bento(use_case: str, bundle: str, version: int, settings: Settings) -> str:
    """Build the Bento that serves one new bundle beside every other served use case.

    Nothing is fetched: requirements are pinned from what is installed. The same content has the
    same tag and is built once.

    Args:
        use_case: the one that is about to be deployed.
        bundle: its bundle's digest.
        version: of its registered model.
        settings: of the installation.

    Returns:
        the tag, `radloop-service:<12 digits of the new bundle>-<8 digits of everything in the Bento>`.

    Raises:
        IntegrityError: the new bundle, its evidence or its approval do not match.
        ToolError: `bento_failed`.
    """
    new = Pointer(use_case=use_case, bundle=bundle, version=version)
    verify(new.folder(settings.bundles))
    workshop = settings.place / "bentoml" / "tmp"
    workshop.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="radloop-", dir=workshop) as folder:
        context = Path(folder)
        _add_package(context)
        kinds: set[EngineKind] = set()
        for pointer in _pointers(new, settings):
            _add_bundle(context, pointer, settings.bundles)
            kinds.add(read_facts(pointer.folder(settings.bundles) / CONTENT).engine.kind)
        _add_reviewers(context, settings.bundles)
        content = digest_folder(context)
        requirements = pinned([*PACKAGES, *map(_runtime, kinds), *(name for name in _READING if find_spec(name) is not None)])
        identity = digest_document({"content": content, "requirements": requirements}).removeprefix("sha256:")
        tag_version = f"{bundle.removeprefix('sha256:')[:12]}-{identity[:8]}"
        place = settings.place / "bentoml" / "bentos" / NAME / tag_version
        if not _is_whole(place, content):
            shutil.rmtree(place, ignore_errors=True)
            _write_bentofile(context, requirements, content)
            _build(context, tag_version, settings)
    return f"{NAME}:{tag_version}"


def pinned(packages: Iterable[str]) -> list[str]:
    """Return packages and everything that they need on this kind of machine, each at its installed version, sorted.

    Args:
        packages: names of distributions, with extras where they are needed.

    Raises:
        ToolError: `incomplete_installation`: one of them is not installed.
    """
    found: dict[str, str] = {}
    waiting = [Requirement(name) for name in packages]
    seen: set[tuple[str, tuple[str, ...]]] = set()
    while waiting:
        wanted = waiting.pop()
        name, extras = canonicalize_name(wanted.name), ("", *sorted(wanted.extras))
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            remedy = "pip install 'radloop[serve]', and for ONNX Runtime 'radloop[onnxruntime]'"
            raise ToolError("incomplete_installation", f"{name} is not installed", remedy) from None
        found[name] = f"{name}=={distribution.version.partition('+')[0]}"
        for text in distribution.requires or ():
            needed = Requirement(text)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(needed)
    return [found[name] for name in sorted(found)]


def _runtime(kind: EngineKind) -> str:
    """Return the name of the distribution that runs an engine's bundles here."""
    *others, usual = _RUNTIMES[kind]
    return next((name for name in others if _installed(name)), usual)


def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _pointers(new: Pointer, settings: Settings) -> Iterator[Pointer]:
    """Yield the new pointer and those of the other served use cases.

    Another use case whose files are damaged is left out: it must not keep this one from being served.
    """
    yield new
    for name in served_use_cases(settings.bundles):
        if name == new.use_case:
            continue
        try:
            pointer = read_pointer(settings.bundles, name)
            if pointer is not None:
                verify(pointer.folder(settings.bundles))
                yield pointer
        except IntegrityError as error:
            logger.warning("the Bento leaves out %s: %s", name, error.message)


def _add_package(context: Path) -> None:
    """Copy the part of the package that serving imports, wherever it is installed."""
    target = context / "radloop"
    target.mkdir()
    root = Path(str(import_module("radloop").__file__)).parent
    for name in _MODULES:
        shutil.copyfile(root / name, target / name)
    for name in _SUBPACKAGES:
        source = Path(str(import_module(f"radloop.{name}").__file__)).parent
        shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))


def _add_bundle(context: Path, pointer: Pointer, bundles: Path) -> None:
    """Give a bundle, its evidence, its approval and its signature a second name in the context; BentoML copies them from there.

    A hard link where the file system allows: BentoML would keep a symbolic one as it is.
    """
    source, target = pointer.folder(bundles), pointer.folder(context / "bundles")
    inner = (path for path in (source / CONTENT).rglob("*") if path.is_file())
    signature = (path for path in (source / SIGNATURE,) if path.is_file())
    for path in (*inner, source / EVIDENCE, source / APPROVAL, *signature):
        link = target / path.relative_to(source)
        link.parent.mkdir(parents=True, exist_ok=True)
        try:
            link.hardlink_to(path)
        except OSError:
            shutil.copyfile(path, link)
    replace_pointer(context / "bundles", pointer)


def _add_reviewers(context: Path, bundles: Path) -> None:
    """Copy the key list; where keys are off there is none."""
    source, target = reviewers_file(bundles), reviewers_file(context / "bundles")
    if source.is_file():
        shutil.copyfile(source, target)


def _write_bentofile(context: Path, requirements: list[str], content: str) -> None:
    document = {
        "service": SERVICE,
        "name": NAME,
        "description": "Diagnostic models for medical images. Not a medical device.",
        "labels": {_LABEL: content.removeprefix("sha256:")[:63]},
        "include": ["radloop/**", "bundles/**"],
        # Locking would ask a package index; what is installed here was locked already.
        "python": {"packages": requirements, "lock_packages": False, "pack_git_packages": False},
    }
    (context / "bentofile.yaml").write_text(yaml.safe_dump(document, sort_keys=True), encoding="utf-8")


def _build(context: Path, version: str, settings: Settings) -> None:
    """Run BentoML in a process of its own: it reads its home once, and imports the service."""
    # The file is named: one that BentoML finds by itself may not lie below a folder like `.radloop`.
    options = ["--bentofile", str(context / "bentofile.yaml"), "--version", version, "--output", "tag"]
    command = [sys.executable, "-m", "bentoml", "build", *options, str(context)]
    environment = os.environ | settings.environment()
    done = subprocess.run(command, cwd=context, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise ToolError("bento_failed", f"BentoML could not build the Bento: {last}", "run `bentoml build` by hand to see more")


def _is_whole(place: Path, content: str) -> bool:
    """Tell whether a Bento was built to its end: a build that was killed leaves a part."""
    sources = place / "src"
    if not (place / "bento.yaml").is_file() or not sources.is_dir():
        return False
    files = (path for name in ("radloop", "bundles") for path in (sources / name).rglob("*"))
    kept = (path for path in files if path.is_file() and path.suffix != ".pyc")
    return digest_document({path.relative_to(sources).as_posix(): digest_file(path) for path in kept}) == content
