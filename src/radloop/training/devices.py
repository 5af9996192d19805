"""What the machine has, as arguments of Lightning's Trainer: used without configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch


@dataclass(frozen=True)
class Devices:
    """Arguments of the Trainer.

    Attributes:
        deterministic: True on a CPU; `warn` on a GPU, where some kernels have no deterministic form.
    """

    accelerator: Literal["cpu", "gpu"]
    devices: int
    strategy: str
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    deterministic: bool | Literal["warn"]


def plan_devices(gpus: int | None = None, bf16: bool | None = None) -> Devices:
    """Return how to train here.

    Args:
        gpus: how many there are; asked of CUDA by default.
        bf16: whether they compute in bfloat16; asked of CUDA by default.
    """
    count = torch.cuda.device_count() if gpus is None else gpus
    if count == 0:
        return Devices("cpu", 1, "auto", "32-true", True)
    able = torch.cuda.is_bf16_supported() if bf16 is None else bf16
    # Spawned workers: a relaunched command line would run the flow again on every device.
    strategy = "ddp_spawn" if count > 1 else "auto"
    return Devices("gpu", count, strategy, "bf16-mixed" if able else "16-mixed", "warn")
