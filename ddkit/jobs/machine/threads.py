"""The number of CPU threads of a job."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

SMALL = 16 * 16
"""Largest number of pixels for which one thread is used. Kernels on such images take microseconds, and threads wait for
each other at the end of every kernel."""  # on two cores, one of them busy: an iteration of 0.1 s took 25 s


@contextmanager
def one_thread() -> Iterator[None]:
    """A block with one thread; the old number of threads is restored afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def fitting_threads(shape: tuple[int, int, int]) -> Iterator[None]:
    """A block with one thread if images [C, H, W] are small. OMP_NUM_THREADS, if set, has priority."""
    small = shape[1] * shape[2] <= SMALL and not os.environ.get("OMP_NUM_THREADS")
    with one_thread() if small else nullcontext():
        yield
