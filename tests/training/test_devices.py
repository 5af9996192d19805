"""What the Trainer is told about the machine."""

from __future__ import annotations

from radloop.training.devices import Devices, plan_devices


def test_a_cpu_trains_in_fp32_and_deterministically() -> None:
    assert plan_devices(gpus=0) == Devices("cpu", 1, "auto", "32-true", True)


def test_one_gpu_trains_in_bf16_where_it_can() -> None:
    assert plan_devices(gpus=1, bf16=True) == Devices("gpu", 1, "auto", "bf16-mixed", "warn")
    assert plan_devices(gpus=1, bf16=False).precision == "16-mixed"


def test_several_gpus_share_a_trial() -> None:
    assert plan_devices(gpus=4, bf16=True) == Devices("gpu", 4, "ddp_spawn", "bf16-mixed", "warn")
