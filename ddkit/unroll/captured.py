"""The adjoint on CUDA as one captured graph: thousands of small kernels are launched by a single call.

At ten images a step the work is bound by launches. On one H100 (ConvNet-D3/128, medians of 7, torch 2.11) an outer
gradient takes 0.74 s launched kernel by kernel and 0.11 s as a graph at B = 10, N = 50; 0.44 and 0.23 s at B = 100,
N = 30. See benchmarks/unroll.py and its results.
"""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ddkit.unroll.adjoint import adjoint
from ddkit.unroll.step import Network

WARM_UP = 3
"""Runs before the capture, on a stream of their own, so that libraries choose kernels outside the graph."""


def captured(net: Network, theta_0: Tensor, theta_target: Tensor, images: Tensor, labels: Tensor, lr: Tensor) -> Tensor:
    """The matching loss and its gradients in one replay; see `ddkit.unroll.matching_loss`. CUDA tensors only."""
    return _Replay.apply(net, theta_0, theta_target, images, labels, lr)


class _Graph:
    """Loss and gradients of one network at one set of shapes, as a CUDA graph over buffers of its own."""

    def __init__(self, net: Network, inputs: tuple[Tensor, ...]) -> None:
        self._inputs = [x.detach().clone() for x in inputs]
        wanted = [x.requires_grad_() for x in self._inputs[2:] if x.is_floating_point()]

        def run() -> tuple[Tensor, ...]:
            with torch.enable_grad():
                loss = adjoint(net, *self._inputs)
                return loss.detach(), *torch.autograd.grad(loss, wanted)

        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                run()
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._outputs = run()

    def __call__(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        with torch.no_grad():
            for buffer, value in zip(self._inputs, inputs, strict=True):
                buffer.copy_(value)
        self._graph.replay()
        return tuple(output.clone() for output in self._outputs)


@lru_cache(maxsize=4)
def _graph_for(net: Any, layout: tuple[tuple[torch.Size, torch.dtype, torch.device], ...]) -> _Graph:
    inputs = tuple(torch.ones(shape, dtype=dtype, device=device) for shape, dtype, device in layout)
    theta_0, _, images, labels, lr = inputs
    # Neutral contents: the graph depends on shapes alone, but warming up must not overflow.
    inputs = (theta_0 * 0.01, theta_0 * 0.02, images, labels * 0, lr * 0)
    return _Graph(net, inputs)


class _Replay(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, net: Any, *inputs: Tensor) -> Tensor:
        graph = _graph_for(net, tuple((x.shape, x.dtype, x.device) for x in inputs))
        loss, *gradients = graph(inputs)
        ctx.soft = inputs[3].is_floating_point()
        ctx.save_for_backward(*gradients)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor) -> tuple[Tensor | None, ...]:
        images, *labels, lr = (grad_loss * gradient for gradient in ctx.saved_tensors)
        return None, None, None, images, labels[0] if ctx.soft else None, lr
