"""Count the processor cores and the memory that this process may use."""

import os
import sys
from contextlib import suppress
from multiprocessing import current_process
from pathlib import Path

import torch


def process_count() -> int:
    """Return the number of cores that this process may use, at most OMP_NUM_THREADS if that is set.

    It is 1, which means no further process, if forking is unsafe or not allowed: outside Linux, on a machine with a GPU
    (autograd starts threads for it at its first use), and in a daemon of multiprocessing.
    """
    if sys.platform != "linux" or torch.cuda.is_available() or current_process().daemon:
        return 1
    cores, limit = min(len(os.sched_getaffinity(0)), _quota()), os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(limit)) if limit.isdecimal() and int(limit) else cores


def _quota() -> int:
    """Return the number of cores that a container may use (cgroup v2), at least 1."""
    with suppress(OSError, ValueError):
        quota, period = map(int, Path("/sys/fs/cgroup/cpu.max").read_text().split())
        return max(1, quota // period)
    return sys.maxsize
