"""ONNX Runtime says what OpenVINO says, of its own bits whatever else is asked, and of nothing but the digested bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, numpy_helper
from pydantic import ValidationError

from radloop.errors import IntegrityError, ToolError
from radloop.inference.bundle import GRAPH, EngineFacts
from radloop.inference.calibration import probabilities
from radloop.inference.engines import open_engine, runtime_facts
from radloop.inference.onnxruntime_engine import OnnxRuntimeEngine
from radloop.inference.pointer import Pointer
from radloop.inference.predictor import Predictor
from radloop.inference.providers import provider
from radloop.serving.residents import Champion
from tests.bundles import KINDS, SIZE, exported, form_of, make_bundle, make_clinical, make_facts, make_images
from tests.image_files import make_raster

IMAGE = make_images(1, seed=9)[0]


@pytest.fixture(scope="module")
def sealed_onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("onnx"), engine={"kind": "onnxruntime"})


@pytest.fixture(scope="module")
def engine(sealed_onnx: Path) -> OnnxRuntimeEngine:
    return OnnxRuntimeEngine(sealed_onnx / "bundle", SIZE)


def of_bytes(graph: bytes, size: int = SIZE) -> OnnxRuntimeEngine:
    return OnnxRuntimeEngine(Path("nowhere"), size, streams=1, read=lambda _: graph)


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_what_openvino_says(kinds: dict[str, Predictor], kind: str) -> None:
    facts, other = kinds[kind].facts, kinds[kind].engine
    (graph,) = exported("onnxruntime", 1, *form_of(facts))
    engine = of_bytes(graph)
    engine.check(facts)
    with pytest.raises(IntegrityError, match="not those of its facts"):
        engine.check(make_facts(**KINDS["multilabel" if kind == "binary" else "binary"]))
    for image, row in zip(make_images(5, seed=3), make_clinical(5, facts.width), strict=True):
        ours, theirs = engine.run(image, row), other.run(image, row)
        chances = [probabilities(o.logits[None], facts.labels.kind, facts.calibration.temperatures) for o in (ours, theirs)]
        assert np.abs(chances[0] - chances[1]).max() <= 1e-4
        assert np.abs(ours.cam - theirs.cam).max() <= 1e-3 * max(float(theirs.cam.max()), 1e-3)
        for name in ("grades", "mask"):
            one, two = getattr(ours, name), getattr(theirs, name)
            assert one is two is None or (one.dtype, one.shape, np.abs(one - two).max() <= 1e-4) == (two.dtype, two.shape, True)
        assert (ours.logits.dtype, ours.embedding.shape) == (np.float64, theirs.embedding.shape)


def test_threads_get_the_bits_that_one_gets(engine: OnnxRuntimeEngine) -> None:
    images = make_images(40, seed=4)
    alone = [engine.run(image) for image in images]
    kept = engine.add_lone(images[:4], make_clinical(4, 0))
    assert kept == (len(os.sched_getaffinity(0)) > 1)
    with ThreadPoolExecutor(8) as pool:
        crowded = list(pool.map(lambda image: engine.run(image, alone=True), images))
    for expected, *others in zip(alone, crowded, engine.run_all(images), strict=True):
        for other in others:
            assert np.array_equal(expected.logits, other.logits) and np.array_equal(expected.cam, other.cam)
            assert np.array_equal(expected.embedding, other.embedding)


def test_it_says_where_it_computes(sealed_onnx: Path) -> None:
    predictor = Predictor(sealed_onnx)
    assert (predictor.provider, predictor.precision) == ("CPUExecutionProvider", "f32")
    found = runtime_facts("onnxruntime")
    assert (found["provider"], found["device"]) == ("CPUExecutionProvider", None) and found["version"]
    assert set(runtime_facts("openvino")) == {"version"}  # a record of before this engine is still the same engine's
    with pytest.raises(ValidationError, match="f32 only"):
        EngineFacts(kind="onnxruntime", precision="bf16")


def renamed(model: ModelProto) -> None:
    for node in model.graph.node:
        node.output[:] = ["map" if name == "cam" else name for name in node.output]
    model.graph.output[2].name = "map"


def of_any_batch(model: ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "n"


def elsewhere(model: ModelProto) -> None:
    """Keep the first weights in a file beside the working folder."""
    weights = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    Path("weights.bin").write_bytes(numpy_helper.to_array(weights).tobytes())
    weights.ClearField("raw_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="weights.bin")


def anywhere(model: ModelProto) -> None:
    """Keep them under a path from the root."""
    elsewhere(model)
    (weights,) = (tensor for tensor in model.graph.initializer if tensor.external_data)
    weights.external_data[0].value = str(Path("weights.bin").absolute())


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (renamed, "no output cam"),
        (of_any_batch, r"its input is u8 \[\?,1,64,64\], not u8 \[1,1,64,64\]"),
        (elsewhere, "model.onnx cannot be run: .*External data"),
        (anywhere, "model.onnx cannot be run: .*External data"),
    ],
)
def test_a_broken_contract_is_refused(
    sealed_onnx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[ModelProto], None], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    model = onnx.load_from_string((sealed_onnx / "bundle" / GRAPH).read_bytes())
    damage(model)
    with pytest.raises(IntegrityError, match=words) as caught:
        of_bytes(model.SerializeToString())
    assert caught.value.code == "invalid_model"


def test_another_size_and_no_graph_are_refused(sealed_onnx: Path) -> None:
    for graph, size in (((sealed_onnx / "bundle" / GRAPH).read_bytes(), SIZE + 1), (b"no graph", SIZE)):
        with pytest.raises(IntegrityError) as caught:
            of_bytes(graph, size)
        assert caught.value.code == "invalid_model"


def test_without_the_package_it_says_what_to_install(sealed_onnx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    provider.cache_clear()
    with pytest.raises(ToolError, match="not installed") as caught:
        Predictor(sealed_onnx)
    assert caught.value.code == "incomplete_installation" and "radloop[onnxruntime]" in caught.value.hint
    with pytest.raises(ToolError, match="not installed"):  # a service refuses it before anybody asks
        Champion(Pointer(use_case="tb-cxr", bundle=f"sha256:{sealed_onnx.name}", version=1), sealed_onnx.parent.parent)
    open_engine("openvino", make_bundle(sealed_onnx.parent.parent, seed=5) / "bundle", SIZE)  # needs none of it


QUIET = """
import sys
from pathlib import Path
sys.modules["openvino"] = None                                      # a service of such bundles needs none
from radloop.inference.pointer import Pointer
from radloop.inference.predictor import Predictor
print(Predictor(Path(sys.argv[1])).predict(Path(sys.argv[2])).findings[0].probability)
print(sorted({"torch", "onnx", "pandas", "mlflow"} & set(sys.modules)))
"""


def test_it_answers_without_openvino_and_leaves_no_telemetry(sealed_onnx: Path, tmp_path: Path) -> None:
    """Its builds keep an id of the machine in the user's folder where they are not told to be silent."""
    image, home = tmp_path / "image.png", tmp_path / "home"
    image.write_bytes(make_raster(IMAGE))
    home.mkdir()
    variables = {name: value for name, value in os.environ.items() if name not in ("ORT_DISABLE_TELEMETRY", "CI")}
    done = subprocess.run(
        [sys.executable, "-c", QUIET, sealed_onnx, image],
        env=variables | {"HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    probability, heavy = done.stdout.splitlines()
    assert float(probability) == Predictor(sealed_onnx).predict(image).findings[0].probability
    assert heavy == "[]"
    assert [path.name for path in home.rglob("*") if path.is_file()] == []
