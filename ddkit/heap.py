"""Makes malloc keep memory that was freed, so that the next step's maps cost no page faults."""

import ctypes
import os
import platform

KEPT = 128 * 2**20
"""Bytes at the top of the heap that malloc keeps. By default glibc returns them to the system when they are more than
twice the largest freed block. A step's maps then cost page faults each time: 0.2 of the 1.4 s of a gradient of
ConvNet-D3/128."""

KEPT_BY_A_WORKER = 2**30
"""The same in a worker process, which only computes: it trains several networks at once, and ends with its work."""

LARGEST_BLOCK = 32 * 2**20
"""Smallest block that malloc takes from the system and returns at once. It is the largest value that glibc accepts."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of the parameters in glibc's malloc.h
_USERS = ("GLIBC_TUNABLES", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")

_most = 0
"""The largest number of bytes that was set."""


def keep_freed_memory(kept: int = KEPT) -> bool:
    """Let malloc keep `kept` bytes of freed memory in this process. A smaller number than before changes nothing.

    Return False on systems without glibc, or if the user has set any of its thresholds; then nothing is changed.
    """
    global _most
    if platform.libc_ver()[0] != "glibc" or any(name in os.environ for name in _USERS):
        return False
    _most = max(_most, kept)
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_MMAP_THRESHOLD, LARGEST_BLOCK)) and bool(mallopt(_TRIM_THRESHOLD, _most))
