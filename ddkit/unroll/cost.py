"""The error of a lower precision."""

from typing import Any

import torch
from torch import Tensor

from ddkit.ranks import ALONE, Ranks
from ddkit.steps import Network
from ddkit.unroll.contract import matching_loss


def precision_cosine(net: Network, images: Tensor, precision: str, ranks: Ranks = ALONE, **problem: Any) -> float:
    """Return the cosine between the image gradients of one matching loss at `precision` and at float32.

    `images` and `problem` are the arguments of `matching_loss`; each of several `ranks` has a part of the gradient. For
    comparison: at N = 20 the cosine between float32 and float64 is about 0.9998.
    """
    x = images.detach().requires_grad_()
    walked = problem | {"engine": "adjoint"}  # it runs once, so a captured graph would only need memory
    low, full = (
        torch.autograd.grad(matching_loss(net, images=x, precision=name, **given), x)[0].flatten()
        for name, given in ((precision, problem), ("float32", walked))
    )
    low, full = low.double(), full.double()
    if ranks.count == 1:
        return float(torch.cosine_similarity(low, full, dim=0))
    product, a, b = ranks.sum(low @ full, low @ low, full @ full)
    return float(product / (a * b).sqrt())
