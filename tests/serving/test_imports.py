"""What serving loads stays small."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = (
    "torch",
    "torchvision",
    "lightning",
    "mlflow",
    "pandas",
    "pyarrow",
    "prefect",
    "optuna",
    "dvc",
    "great_expectations",
    "sklearn",
    "onnxruntime",
)
CODE = f"""
import json, sys
import radloop.serving.service, radloop.serving.app, radloop.inference.engines, radloop.inference.runtime
radloop.inference.runtime.load_openvino()
print(json.dumps(sorted(set(sys.modules) & set({HEAVY!r}))))
print(json.dumps(sorted(name for name in sys.modules if name.startswith("radloop.") and name.split(".")[1] in (
    "training", "models", "packaging", "evaluation", "governance", "data", "validation"))))
import openvino.tools.ovc.telemetry_utils as telemetry
print(json.dumps(telemetry.tm.__name__))
"""


def test_a_fresh_interpreter_loads_no_training_code_and_no_telemetry() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    heavy, ours, telemetry = (json.loads(line) for line in done.stdout.splitlines()[-3:])
    assert heavy == []
    assert ours == []
    assert telemetry.endswith("telemetry_stub")
