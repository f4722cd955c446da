"""How many CPU threads a job should use."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

SMALL = 16 * 16
"""Images up to this many pixels make kernels of microseconds, which threads only slow down: they wait for each other at
every kernel's end. On two cores of which one was busy, an outer iteration on digits took 0.1 s with one thread and 25 s
with two; with both cores idle there is little between them."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Use one thread and give the old number back."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def fitting_threads(shape: tuple[int, int, int]) -> Iterator[None]:
    """Use one thread for small images [C, H, W] and give the old number back; OMP_NUM_THREADS, where set, is obeyed."""
    small = shape[1] * shape[2] <= SMALL and not os.environ.get("OMP_NUM_THREADS")
    with one_thread() if small else nullcontext():
        yield
