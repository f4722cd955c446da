"""The adjoint on CUDA as one captured graph, which launches thousands of small kernels with a single call.

With small batches most of the time is spent on launches (benchmarks/results/unroll.jsonl), and a student leaves most
of the device idle. Several students with small batches are parallel branches of one graph. If a graph cannot be
captured, there is one warning, and the operations are launched one by one.
"""

import gc
from collections.abc import Callable, Sequence
from functools import partial
from threading import Lock
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ddkit.errors import with_causes
from ddkit.memory import out_of_memory
from ddkit.steps import Network, convolution_precision, step_for, warn_slower
from ddkit.unroll.adjoint import Solved, adjoint, budget, walked
from ddkit.unroll.problem import Problem
from ddkit.unroll.recording import SideBySide, recorded

KEPT = 4
"""Number of graphs that are kept. Each keeps its memory."""

PIXELS = 2**16
"""Pixels of the batches of students that are solved side by side: 64 images of 32 x 32. One larger batch keeps a device
busy, and its maps need memory."""

Solver = Callable[[Sequence[Problem]], list[Solved]]

_SOLVERS: dict[Any, Solver] = {}
_ONE_AT_A_TIME = Lock()


@torch.no_grad()
def captured(
    net: Network, precision: str, memory: int | None, problems: Sequence[Problem], backward: bool
) -> list[Solved]:
    """Solve trajectories by replaying graphs, as many at once as PIXELS allows. CUDA tensors only."""
    _, batch, _, height, width = problems[0].images.shape
    count = max(1, PIXELS // max(1, batch * height * width))
    groups = [problems[first : first + count] for first in range(0, len(problems), count)]
    return [solved for group in groups for solved in _replayed(net, precision, memory, group, backward)]


def _replayed(
    net: Network, precision: str, memory: int | None, problems: Sequence[Problem], backward: bool
) -> list[Solved]:
    """Solve these trajectories at once by a graph, which the first problems of a kind capture."""
    layout = tuple((t.shape, t.dtype, t.device) for t in _tensors(problems))
    key = (net, precision, memory, problems[0].rules, layout, backward)
    with _ONE_AT_A_TIME:  # only one caller can use a graph's buffers, and PyTorch captures one graph at a time
        if key not in _SOLVERS:
            while len(_SOLVERS) >= KEPT:
                del _SOLVERS[next(iter(_SOLVERS))]
            _SOLVERS[key] = _solver(net, precision, memory, problems, backward)
        return _SOLVERS[key](problems)


def _solver(net: Network, precision: str, memory: int | None, problems: Sequence[Problem], backward: bool) -> Solver:
    """Return a graph for this kind of problem. If memory is short, it keeps no tapes; if that fails too, return the
    adjoint without a graph."""
    what = "the inner loop could not be captured as a CUDA graph"
    made = _attempt(net, precision, memory, problems, backward)
    if isinstance(made, _Failure) and made.out_of_memory:
        memory = 0
        _SOLVERS.clear()
        gc.collect()
        torch.cuda.empty_cache()
        made = _attempt(net, precision, memory, problems, backward)
        if isinstance(made, _Graph):
            warn_slower(what, "memory is short", "no step is kept, and each is computed twice")
    if isinstance(made, _Graph):
        return made
    warn_slower(what, made.why)
    return partial(walked, net, precision, memory, backward=backward)


class _Failure(NamedTuple):
    """Why the capture failed. It does not store the error, whose frames would keep the failed graph's memory."""

    why: str
    out_of_memory: bool


def _attempt(
    net: Network, precision: str, memory: int | None, problems: Sequence[Problem], backward: bool
) -> "_Graph | _Failure":
    try:
        return _Graph(net, precision, memory, problems, backward)
    except RuntimeError as error:
        first = with_causes(error)[-1]  # the first error; the end of the capture raises another one
        return _Failure(str(first), out_of_memory(error))


class _Graph:
    """A CUDA graph with its own buffers, for one network's problems of one kind and shape."""

    def __init__(
        self, net: Network, precision: str, memory: int | None, problems: Sequence[Problem], backward: bool
    ) -> None:
        self._device = problems[0].theta_0.device
        step = step_for(net, problems[0].theta_0, precision)
        kept = budget(memory, problems[0]) // len(problems)
        copied = [_copy(problem) for problem in problems]
        self._buffers = _tensors(copied)
        self._free: torch.cuda.Event | None = None
        works = [partial(adjoint, step, problem, kept, backward) for problem in copied]
        together = SideBySide(works, self._device)
        with convolution_precision(self._device, precision):
            self._solved, self._replay = recorded(lambda: _flat(together()), self._device)

    def __call__(self, problems: Sequence[Problem]) -> list[Solved]:
        on_cuda = self._device.type == "cuda"
        if on_cuda and self._free is not None:  # the last caller may have used another stream
            torch.cuda.current_stream(self._device).wait_event(self._free)
        for buffer, value in zip(self._buffers, _tensors(problems), strict=True):
            buffer.copy_(value)
        self._replay()
        own = [None if result is None else result.clone() for result in self._solved]
        if on_cuda:
            self._free = torch.cuda.current_stream(self._device).record_event()
        return _solved(own)


def _flat(solved: Sequence[Solved]) -> list[Tensor | None]:
    return [result for one in solved for result in one]


def _solved(results: Sequence[Tensor | None]) -> list[Solved]:
    """The inverse of `_flat`."""
    width = len(Solved._fields)
    return [Solved._make(results[first : first + width]) for first in range(0, len(results), width)]


def _tensors(problems: Sequence[Problem]) -> list[Tensor]:
    return [tensor for problem in problems for tensor in _tensors_of(problem)]


def _tensors_of(problem: Problem) -> list[Tensor]:
    weights = [] if problem.weights is None else [problem.weights]
    return [problem.theta_0, *problem.targets, problem.images, problem.labels, problem.lr, *weights]


def _copy(problem: Problem) -> Problem:
    copies = iter([t.detach().clone() for t in _tensors_of(problem)])
    theta_0, targets = next(copies), tuple(next(copies) for _ in problem.targets)
    return Problem(problem.rules, theta_0, targets, next(copies), next(copies), next(copies), next(copies, None))
