"""The Bento: everything that is served, without this installation and without a network."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import time
from importlib.metadata import packages_distributions
from pathlib import Path

import httpx
import pytest
from packaging.utils import canonicalize_name

from radloop.errors import IntegrityError, ToolError
from radloop.inference.bundle import CONTENT, GRAPH
from radloop.inference.predictor import Predictor
from radloop.packaging.bento import NAME, PACKAGES, build_bento, pinned
from radloop.settings import Settings
from tests.bundles import make_bundle, make_images
from tests.conftest import need
from tests.image_files import make_raster
from tests.services import bentoml_service, point

LEFT_OUT = ("openvino", "onnx", "onnxscript", "torch")
IMAGE = make_raster(make_images(1, seed=9, size=256)[0])


class Installation:
    """A home with a new bundle for tb-cxr, a served phantom-cxr, and a served use case whose bundle is damaged."""

    def __init__(self, root: Path) -> None:
        self.settings = Settings(root=root, home=root / ".radloop")
        bundles = self.settings.bundles
        self.new = make_bundle(bundles, seed=1)
        self.other = make_bundle(bundles, seed=2, use_case="phantom-cxr", synthetic=True)
        damaged = make_bundle(bundles, seed=3, use_case="stroke-ct")
        for folder in (self.other, damaged):
            point(folder)
        (damaged / "bundle" / "model.bin").write_bytes(b"")
        self.tag = self.build()

    def build(self) -> str:
        """Build the Bento of the new bundle."""
        return build_bento("tb-cxr", f"sha256:{self.new.name}", 1, self.settings)

    @property
    def bento(self) -> Path:
        """Return the Bento's folder."""
        name, version = self.tag.split(":")
        return self.settings.place / "bentoml" / "bentos" / name / version


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(tmp_path_factory.mktemp("installation"))


def test_the_tag_names_the_bundle(installation: Installation) -> None:
    assert re.fullmatch(rf"{NAME}:{installation.new.name[:12]}-[0-9a-f]{{8}}", installation.tag)


def test_it_holds_the_service_and_every_intact_bundle(installation: Installation) -> None:
    sources = installation.bento / "src"
    assert (sources / "radloop" / "serving" / "service.py").is_file()
    assert not (sources / "radloop" / "training").exists()
    for folder in (installation.new, installation.other):
        inside = sources / "bundles" / folder.parent.name
        assert (inside / "current").is_file()
        for path in (path for path in folder.rglob("*") if path.is_file()):
            copy = inside / folder.name / path.relative_to(folder)
            assert copy.read_bytes() == path.read_bytes() and not copy.is_symlink()
    assert not (sources / "bundles" / "stroke-ct").exists()


def test_requirements_are_pinned(installation: Installation) -> None:
    lines = (installation.bento / "env" / "python" / "requirements.txt").read_text().splitlines()
    names = {line.split("==")[0] for line in lines}
    assert names >= {*PACKAGES, "openvino"} and "onnxruntime" not in names
    assert all("==" in line for line in lines)


def test_a_bento_has_the_engine_of_its_bundles_and_no_other(tmp_path: Path) -> None:
    settings = Settings(root=tmp_path, home=tmp_path / ".radloop")
    new = make_bundle(settings.bundles, engine={"kind": "onnxruntime"})
    name, version = build_bento("tb-cxr", f"sha256:{new.name}", 1, settings).split(":")
    bento = settings.place / "bentoml" / "bentos" / name / version
    assert (bento / "src" / "bundles" / "tb-cxr" / new.name / CONTENT / GRAPH).is_file()
    lines = (bento / "env" / "python" / "requirements.txt").read_text().splitlines()
    names = {line.split("==")[0] for line in lines}
    assert "onnxruntime" in names and not names & set(LEFT_OUT)
    # What the Bento leaves out, the tests' own installation has: there it is made to look missing.
    (tmp_path / "container").mkdir()
    (tmp_path / "sitecustomize.py").write_text(f"import sys; sys.modules |= dict.fromkeys({LEFT_OUT!r})")
    alone = {"BENTOML_HOME": str(settings.place / "bentoml"), "PYTHONPATH": str(tmp_path)}
    expected = Predictor(new).predict(IMAGE)
    with bentoml_service(f"{name}:{version}", tmp_path / "container" / ".radloop", **alone) as service:
        answer = httpx.post(f"{service.url}/v1/predict", files={"image": IMAGE}, data={"use_case": "tb-cxr"}).json()
        (served,) = httpx.get(f"{service.url}/v1/use_cases").json()["use_cases"]
        said = service.log.read_text()
    assert (answer["findings"][0]["probability"], answer["recorded"]) == (expected.findings[0].probability, True)
    assert (served["engine"]["kind"], served["engine"]["provider"]) == ("onnxruntime", "CPUExecutionProvider")
    assert "answers in f32 by CPUExecutionProvider" in said


def test_what_packages_need_is_pinned_too(installation: Installation) -> None:
    names = {line.split("==")[0] for line in pinned(["pydantic-settings"])}
    assert {"pydantic-settings", "pydantic", "pydantic-core", "typing-extensions"} <= names
    assert not names & {"pytest", "pydantic-settings-extra"}
    assert "sqlalchemy" not in {line.split("==")[0] for line in pinned(["bentoml"])}
    with pytest.raises(ToolError, match="no-such-package is not installed"):
        pinned(["no-such-package"])


def test_everything_that_the_service_imports_is_in_it(installation: Installation) -> None:
    """The tests' own installation would lend it what it lacks; a container would not."""
    code = "import sys, radloop.serving.service as _, radloop.serving.app as _; print(*(m for m in sys.modules if m.split('.')[0] == 'radloop'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    place = installation.bento / "src"
    files = {name: source_of(place, name) for name in done.stdout.split()}
    assert [name for name, file in files.items() if file is None] == []
    lines = (installation.bento / "env" / "python" / "requirements.txt").read_text().splitlines()
    held = {canonicalize_name(line.split("==")[0]) for line in lines} | {"radloop"}
    known = packages_distributions()
    wanted = {canonicalize_name(one) for file in files.values() if file for name in imports(file) for one in known.get(name, [])}
    assert wanted - held == set()


def source_of(place: Path, module: str) -> Path | None:
    """Return a module's file below a folder, None where there is none."""
    path = place / module.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def imports(file: Path) -> set[str]:
    """Return the first words of everything that a file imports, also within functions."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        found |= {name.split(".")[0] for name in names}
    return found


def test_its_dockerfile_has_no_error(installation: Installation) -> None:
    linter = Path(sys.executable).parent / "hadolint"
    file = installation.bento / "env" / "docker" / "Dockerfile"
    done = subprocess.run([linter, "--failure-threshold", "error", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_same_content_is_built_once(installation: Installation) -> None:
    before = (installation.bento / "bento.yaml").stat().st_mtime_ns
    start = time.perf_counter()
    assert installation.build() == installation.tag
    assert (installation.bento / "bento.yaml").stat().st_mtime_ns == before
    assert time.perf_counter() - start < 5.0


def test_bentoml_lists_it(installation: Installation) -> None:
    environment = os.environ | installation.settings.environment()
    listed = subprocess.run(
        [sys.executable, "-m", "bentoml", "list"], env=environment, capture_output=True, text=True, check=True
    )
    assert NAME in listed.stdout


def test_what_is_not_approved_is_not_packed(installation: Installation, tmp_path: Path) -> None:
    settings = Settings(root=tmp_path, home=tmp_path / ".radloop")
    folder = make_bundle(settings.bundles, approve=False)
    with pytest.raises(IntegrityError):
        build_bento("tb-cxr", f"sha256:{folder.name}", 1, settings)
    assert not (settings.place / "bentoml" / "bentos").exists()


def test_a_half_built_one_is_built_again_without_a_network(installation: Installation) -> None:
    cut = shutil.which("unshare") and subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode == 0
    need(bool(cut), "the network cannot be cut: `unshare -n` is missing or not permitted")
    (installation.bento / "src" / "bundles" / "tb-cxr" / "current").unlink()
    code = (
        "from pathlib import Path; from radloop.packaging.bento import build_bento; from radloop.settings import Settings; "
        f"root = Path({str(installation.settings.root)!r}); "
        f"print(build_bento('tb-cxr', 'sha256:{installation.new.name}', 1, Settings(root=root, home=root / '.radloop')))"
    )
    done = subprocess.run(["unshare", "-n", sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == installation.tag
    assert (installation.bento / "src" / "bundles" / "tb-cxr" / "current").is_file()


def test_it_answers_elsewhere(installation: Installation, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(installation.settings.place / "bentoml", store)
    shutil.move(installation.settings.bundles, tmp_path / "gone")
    expected = Predictor(tmp_path / "gone" / "tb-cxr" / installation.new.name).predict(IMAGE)
    nowhere = tmp_path / "container" / ".radloop"
    nowhere.parent.mkdir()
    # This checkout is installed for the tests, and would lend the Bento whatever it lacks.
    forget = "import sys; sys.meta_path[:] = [one for one in sys.meta_path if getattr(one, '__name__', '') != '_EditableFinder']"
    (tmp_path / "sitecustomize.py").write_text(forget)
    alone = {"BENTOML_HOME": str(store), "PYTHONPATH": str(tmp_path)}
    assert subprocess.run(
        [sys.executable, "-c", "import radloop"], env=os.environ | alone, capture_output=True, check=False
    ).returncode
    with bentoml_service(installation.tag, nowhere, **alone) as service:
        answer = httpx.post(f"{service.url}/v1/predict", files={"image": IMAGE}, data={"use_case": "tb-cxr"}).json()
        assert answer["model"] == expected.model.model_dump()
        assert answer["findings"][0]["probability"] == expected.findings[0].probability
        assert httpx.get(f"{service.url}/readyz").status_code == 200
        served = httpx.get(f"{service.url}/v1/use_cases").json()["use_cases"]
        assert [one["use_case"] for one in served] == ["phantom-cxr", "tb-cxr"]
    # Nobody can swap there, so no worker waits to be asked; what it answers is recorded all the same.
    assert answer["recorded"] is True and sorted(path.name for path in nowhere.iterdir()) == ["keys", "records"]
