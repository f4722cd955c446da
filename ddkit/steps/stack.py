"""The gradients of several networks in one pass, for fused steps whose layers are all ddkit's own kernels.

On small images most of a step's time is spent between the kernels. Here the maps of n networks with B images each are
one map [n B, H, W, C] and their parameters are [n, ...], so that everything but the kernels and the head runs once for
all. The gradients equal those of each network alone to the bit. The head runs for one network at a time, because a
batched product of matrices may round otherwise.
"""

from typing import Any

import torch
from torch import Tensor

from ddkit.steps.head import Head, as_map
from ddkit.steps.passes import Passes

CACHED = 2 * 2**20
"""Bytes of the largest map of a stack. A larger map leaves the cache before the next kernel reads it."""


def networks_at_once(passes: Passes, batch: int) -> int:
    """How many networks a stack should have, if the largest map of a network's batch has `batch` bytes.

    1: a stack has no advantage, or there is none.
    """
    return 1 if passes.stacked(2) is None else max(1, CACHED // batch)


def stacked_gradient(passes: Passes, weights: Any, x: Tensor, share: Tensor) -> Tensor:
    """d loss / d theta [n, P] of n networks.

    Args:
        passes: of n networks; see `Passes.stacked`.
        weights: (blocks, head weight, head bias) of n networks.
        x: their images [n B, H, W, C].
        share: their labels as probabilities / B [n, B, K].
    """
    blocks, head, bias = weights
    n = len(head)
    p, walked = passes.up(blocks, x)
    tops = [Head.of(*own) for own in zip(p.chunk(n), head, bias, share, strict=True)]
    gp = as_map(torch.cat([top.residual @ own for top, own in zip(tops, head, strict=True)]), p)
    gradients = [torch.stack(each) for each in zip(*(top.gradients() for top in tops), strict=True)]
    for convolution, layer, gz, (g_beta, g_gamma) in passes.down(blocks, walked, gp):
        gradients += [g_beta, g_gamma, torch.zeros_like(g_beta), convolution.pull_weight((layer.image, gz))]
    return torch.cat([each.reshape(n, -1).to(head.dtype) for each in reversed(gradients)], 1)
