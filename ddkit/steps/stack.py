"""The gradients of several networks in one pass, for fused steps whose layers are all ddkit's own kernels.

On small images most of a step's time is spent between the kernels. Here the maps of n networks with B images each are
one map [n B, H, W, C] and their parameters are [n, ...], so that everything but the kernels and the head runs once for
all. The gradients equal those of each network alone to the bit. The head runs for one network at a time, because a
batched product of matrices may round otherwise.
"""

from dataclasses import replace

import torch
from torch import Tensor

from ddkit.steps.head import Head, as_map
from ddkit.steps.layout import Layout
from ddkit.steps.passes import Layer, Passes

CACHED = 2 * 2**20
"""Bytes of the largest map of a stack. A larger map leaves the cache before the next kernel reads it."""


def networks_at_once(passes: Passes, batch: int) -> int:
    """How many networks a stack should have, if the largest map of a network's batch has `batch` bytes.

    1: a stack would not be faster, or the step has a layer that cannot be stacked.
    """
    return 1 if passes.stacked(2) is None else max(1, CACHED // batch)


def stacked_gradient(
    passes: Passes, layout: Layout, theta: Tensor, x: Tensor, share: Tensor
) -> tuple[Tensor, list[Layer]]:
    """Return (d loss / d theta [n, P] of n networks, their layers).

    Args:
        passes: of one network.
        layout: of the parameters.
        theta: parameters [n, P].
        x: images [n B, H, W, C].
        share: labels as probabilities / B [n, B, K].
    """
    n, stack = len(theta), passes.stacked(len(theta))
    assert stack is not None  # `networks_at_once` was above 1
    blocks, head, bias = replace(layout, convolutions=stack.convolutions).weights(theta)
    p, walked = stack.up(blocks, x)
    tops = [Head.of(*own) for own in zip(p.chunk(n), head, bias, share, strict=True)]
    gp = as_map(torch.cat([top.residual @ own for top, own in zip(tops, head, strict=True)]), p)
    of_head = [torch.stack(each) for each in zip(*(top.gradients() for top in tops), strict=True)]
    layers, below = stack.gradients(blocks, walked, gp)
    return layout.flat(of_head, below), layers
