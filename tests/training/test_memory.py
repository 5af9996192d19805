"""Memory that malloc keeps."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from radloop.training.memory import out_of_memory

SCRIPT = """
import resource, sys
import numpy as np
from radloop.training.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory() == sys.platform.startswith("linux")
for _ in range(3):
    np.ones(50_000_000, dtype=np.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(50_000_000, dtype=np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", SCRIPT, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_blocks_are_reused_without_page_faults() -> None:
    assert faults("keep") < faults("plain") / 5


def test_torchs_own_words_for_too_little_memory_are_known() -> None:
    with pytest.raises(RuntimeError) as failed:
        torch.empty(2**60, dtype=torch.uint8)
    assert out_of_memory(failed.value)
    assert out_of_memory(MemoryError())
    assert out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))


def test_other_errors_are_not_too_little_memory() -> None:
    with pytest.raises(RuntimeError) as failed:
        torch.zeros(2) @ torch.zeros(3)
    assert not out_of_memory(failed.value)
    assert not out_of_memory(ValueError("out of memory"))
