"""The adjoint on CUDA as one captured graph: thousands of small kernels are launched by a single call.

At ten images a step the work is bound by launches. On one H100 (ConvNet-D3/128, medians of 7, torch 2.11) an outer
gradient takes 0.74 s launched kernel by kernel and 0.11 s as a graph at B = 10, N = 50; 0.44 and 0.23 s at B = 100,
N = 30. See benchmarks/unroll.py and its results. (Measured before steps were kept, see `memory`.)
"""

from typing import Any

import torch
from torch import Tensor

from ddkit.steps import Network, convolution_precision, step_for
from ddkit.unroll.adjoint import Solved, adjoint, budget
from ddkit.unroll.problem import Problem

WARM_UP = 3
"""Runs before the capture, on a stream of their own, so that libraries choose kernels outside the graph."""

KEPT = 4
"""Graphs held at a time; each keeps its memory."""


class _Graph:
    """One network's problems of one kind and shape, as a CUDA graph over buffers of its own."""

    def __init__(self, net: Network, precision: str, memory: int | None, problem: Problem, backward: bool) -> None:
        step, kept = step_for(net, problem.theta_0, precision), budget(memory, problem)
        mine = _copy(problem)
        self._buffers = _tensors(mine)
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        self._graph = torch.cuda.CUDAGraph()
        with convolution_precision(problem.theta_0.device, precision):
            with torch.cuda.stream(aside):
                for _ in range(WARM_UP):
                    adjoint(step, mine, kept, backward)
            torch.cuda.current_stream().wait_stream(aside)
            with torch.cuda.graph(self._graph):
                self._solved = adjoint(step, mine, kept, backward)

    def __call__(self, problem: Problem) -> Solved:
        for buffer, value in zip(self._buffers, _tensors(problem), strict=True):
            buffer.copy_(value)
        self._graph.replay()
        loss, *gradients = self._solved
        return Solved(loss.clone(), *(None if g is None else g.clone() for g in gradients))


@torch.no_grad()
def captured(net: Network, precision: str, memory: int | None, problem: Problem, backward: bool) -> Solved:
    """Solve one trajectory in one replay; the first of a kind is captured. CUDA tensors only."""
    layout = tuple((t.shape, t.dtype, t.device) for t in _tensors(problem))
    key = (net, precision, memory, problem.rules, layout, backward)
    if key not in _GRAPHS:
        while len(_GRAPHS) >= KEPT:
            del _GRAPHS[next(iter(_GRAPHS))]
        _GRAPHS[key] = _Graph(net, precision, memory, problem, backward)
    return _GRAPHS[key](problem)


_GRAPHS: dict[Any, _Graph] = {}


def _tensors(problem: Problem) -> list[Tensor]:
    weights = [] if problem.weights is None else [problem.weights]
    return [problem.theta_0, *problem.targets, problem.images, problem.labels, problem.lr, *weights]


def _copy(problem: Problem) -> Problem:
    copies = iter([t.detach().clone() for t in _tensors(problem)])
    theta_0, targets = next(copies), tuple(next(copies) for _ in problem.targets)
    return Problem(problem.rules, theta_0, targets, next(copies), next(copies), next(copies), next(copies, None))
