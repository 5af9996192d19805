"""Freed memory stays with the process: page faults otherwise cost a CPU epoch as much as arithmetic does."""

from __future__ import annotations

import ctypes
import sys

# mallopt(3), glibc's malloc.h: parameter numbers and the values that stop it from giving pages back.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8
_OPTIONS = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 64 * 2**20), (_ARENA_MAX, 1))


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
