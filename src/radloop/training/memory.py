"""Memory of a training process: freed blocks that stay with it, and what to do when there is too little."""

from __future__ import annotations

import ctypes
import gc
import sys

import torch

# mallopt(3), glibc's malloc.h: parameter numbers and the values that stop it from giving pages back.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8
_OPTIONS = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 64 * 2**20), (_ARENA_MAX, 1))
# torch says it in words only, on a CPU, for workspaces of oneDNN, and for CUDA's own libraries.
_WORDS = (
    "defaultcpuallocator",
    "not enough memory",
    "out of memory",
    "could not allocate",
    "bad_alloc",
    "cublas_status_alloc_failed",
)


def keep_freed_memory() -> bool:
    """Tell glibc to reuse large blocks instead of unmapping them; return whether it listened.

    Every training step allocates the same large tensors again. By default each of them is mapped, faulted in page by
    page, and unmapped; on virtual machines that halves the speed. Elsewhere than on Linux with glibc nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return all(mallopt(option, value) == 1 for option, value in _OPTIONS)


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out, of a GPU or of the machine."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _WORDS)


def free_memory() -> None:
    """Give back what a failed attempt held."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
