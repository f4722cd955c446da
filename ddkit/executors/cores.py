"""Count the processor cores and the memory that this process may use."""

import os
import sys
from contextlib import suppress
from multiprocessing import current_process
from pathlib import Path

import torch


def process_count() -> int:
    """Return the number of cores that this process may use, at most OMP_NUM_THREADS if that is set."""
    cores, limit = min(len(os.sched_getaffinity(0)), _quota()), os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(limit)) if limit.isdecimal() and int(limit) else cores


def why_not_fork() -> str | None:
    """Return the reason why this process cannot have forked children, or None if it can.

    Forking a process with threads is unsafe. On a machine with a GPU, autograd starts threads at its first use. A process
    that is connected to Ray has threads of gRPC: after a fork, its next call to Ray never returns.
    """
    if sys.platform != "linux":
        return "processes are forked on Linux only"
    if torch.cuda.is_available():
        return "forking is unsafe on a machine with a GPU"
    if "ray" in sys.modules and sys.modules["ray"].is_initialized():
        return "forking is unsafe in a process that is connected to Ray"
    return "a worker has no workers of its own" if is_worker() else None


def is_worker() -> bool:
    """Return whether this process is a daemon of multiprocessing, as local workers are. It can have no children."""
    return current_process().daemon


def _quota() -> int:
    """Return the number of cores that a container may use (cgroup v2), at least 1."""
    with suppress(OSError, ValueError):
        quota, period = map(int, Path("/sys/fs/cgroup/cpu.max").read_text().split())
        return max(1, quota // period)
    return sys.maxsize
