"""Records work once as a CUDA graph, which repeats it with a single launch."""

from collections.abc import Callable
from typing import TypeVar

import torch

Result = TypeVar("Result")

WARM_UP = 3
"""Runs before the recording, on a separate stream. Compilation, kernel choice and lazy loading happen there."""


def recorded(work: Callable[[], Result], device: torch.device) -> tuple[Result, Callable[[], None]]:
    """Record `work`. Return its result, and a function that computes the result again into the same tensors.

    `work` must read the same tensors on `device` in each run and must not wait for the device.

    Raises:
        RuntimeError: `work` failed or cannot be recorded, for example because it reads a number from the device, or
            because memory is short (torch.OutOfMemoryError). The caller's stream is current again.
    """
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.device(device):  # streams and graphs belong to the current device, which may differ
        now, aside = torch.cuda.current_stream(), torch.cuda.Stream()
        aside.wait_stream(now)
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                work()
        now.wait_stream(aside)
        # If a recording fails, torch.cuda.graph leaves its own stream current; the outer block restores `now`. By
        # default torch uses a stream of the first device recorded on, so a stream is given. "thread_local": other
        # threads of the process may continue to use the device.
        capture = torch.cuda.graph(graph, stream=aside, capture_error_mode="thread_local")
        with torch.cuda.stream(now), capture:
            result = work()
    return result, graph.replay
