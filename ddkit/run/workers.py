"""The executor: workers do units of work, as many at once as the machine has room for.

All units of one call share a common object, for example the real data. Workers get it by the fork, so that it is
neither copied nor sent. On a CPU each worker is a forked process. On a GPU, and if processes cannot be forked, there is
one worker, which is this process. `how_many` decides.
"""

import os
import sys
from collections.abc import Generator, Sequence
from contextlib import suppress
from multiprocessing import current_process
from pathlib import Path
from typing import Any

import torch

from ddkit.run.processes import in_processes
from ddkit.run.unit import SomeUnit, Watch, no_watch


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


def how_many(device: torch.device, each: int = 0, free: int = 0) -> int:
    """Return how many units to do at once: on a CPU one for each core, limited by memory; on a GPU one.

    Args:
        device: the device of the work.
        each: bytes of memory that one unit needs; 0: few.
        free: bytes of memory that are free.
    """
    count = process_count() if device.type == "cpu" else 1
    return max(1, min(count, free // each)) if each else count


def work_through(
    units: Sequence[SomeUnit], common: Any, count: int, watch: Watch = no_watch
) -> Generator[tuple[SomeUnit, list[Any]], None, None]:
    """Do all units, up to `count` at once.

    Args:
        units: the work, in the order in which it is begun.
        common: the object that all units share.
        count: the result of `how_many`; 1: no further process.
        watch: called with each report of a unit.

    Yields:
        (unit, all its reports) of each unit in the order of completion. An error of a unit is raised here and ends the
        others. When the iterator ends, also by an interrupt, no process is left.

    Raises:
        DDKitError: a process was killed from outside, as happens when memory is short.
    """
    if count > 1:
        yield from in_processes(units, common, count, watch)
        return
    for unit in units:
        items: list[Any] = []

        def report(item: Any, unit: SomeUnit = unit, items: list[Any] = items) -> None:
            items.append(item)
            watch(unit, item)

        unit.run(common, report)
        yield unit, items
