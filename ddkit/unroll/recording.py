"""Work recorded once as a CUDA graph and done again by a single launch."""

from collections.abc import Callable
from typing import TypeVar

import torch

Result = TypeVar("Result")

WARM_UP = 3
"""Runs before the recording, on a stream of their own: compilers, kernel choice and lazy loading happen there."""


def recorded(work: Callable[[], Result], device: torch.device) -> tuple[Result, Callable[[], None]]:
    """What `work` returned while it was recorded, and a function that computes it again into the same tensors.

    `work` reads the same tensors at each run and never waits for the device. Its tensors lie on `device`.

    Raises:
        RuntimeError: `work` failed or cannot be recorded, for instance because it asks for a number, or because memory
            is short (torch.OutOfMemoryError). The caller's stream is current again.
    """
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.device(device):  # streams and graphs belong to the current device, which may be another
        now, aside = torch.cuda.current_stream(), torch.cuda.Stream()
        aside.wait_stream(now)
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                work()
        now.wait_stream(aside)
        # Where a recording fails, torch.cuda.graph leaves its own stream current; the outer block restores `now`. By
        # default that stream is one of the device that was first recorded on, hence ours. "thread_local": other threads
        # of the process may go on using the device.
        capture = torch.cuda.graph(graph, stream=aside, capture_error_mode="thread_local")
        with torch.cuda.stream(now), capture:
            result = work()
    return result, graph.replay
