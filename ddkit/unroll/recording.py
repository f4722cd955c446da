"""Records work once as a CUDA graph, which repeats it with a single launch, and lets several works run at once."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

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


class SideBySide:
    """Several works that a device may compute at the same time, each on a stream of its own.

    In a recording they become parallel branches of the graph. On a CPU they run one after another.
    """

    def __init__(self, works: Sequence[Callable[[], Result]], device: torch.device) -> None:
        self._works, self._device = works, device
        on_cuda = device.type == "cuda" and len(works) > 1
        # The same streams each time, because the allocator gives memory back to the stream that took it
        self._streams = [torch.cuda.Stream(device) for _ in works] if on_cuda else []

    def __call__(self) -> list[Any]:
        """Queue all works. What is queued on the current stream afterwards waits for their results."""
        if not self._streams:
            return [work() for work in self._works]
        now, results = torch.cuda.current_stream(self._device), []
        for stream, work in zip(self._streams, self._works, strict=True):
            stream.wait_stream(now)
            with torch.cuda.stream(stream):
                results.append(work())
        for stream in self._streams:
            now.wait_stream(stream)
        return results
