"""Distances between two gradients of a network (DC; Zhao et al., ICLR 2021)."""

import torch
from jaxtyping import Float
from torch import Tensor

from ddkit.nets import FlatNet

DISTANCES = ("ours", "mse", "cos")

EPS = 1e-6
"""Added to the product of two norms, as in the published code."""


def gradient_distance(
    net: FlatNet, real: Float[Tensor, " p"], synthetic: Float[Tensor, " p"], metric: str
) -> Float[Tensor, ""]:
    """Return the distance between two gradients, which are laid out as the parameters of `net`.

    Args:
        metric: ours, mse or cos.
            ours: each weight is reshaped to a matrix [out, rest]. The distance is the sum of 1 - cos(real, synthetic)
            over all rows of all weights. Vectors (biases, scales and shifts of normalisations) do not count.
            mse: the sum of squared differences over all parameters.
            cos: 1 - cos of the whole gradients.
    """
    if metric == "mse":
        return (real - synthetic).square().sum()
    if metric == "cos":
        return 1 - _cosine(real, synthetic)
    pairs = zip(net.unflatten(real).values(), net.unflatten(synthetic).values(), strict=True)
    rows = [1 - _cosine(a.flatten(1), b.flatten(1)) for a, b in pairs if a.ndim > 1]
    return torch.cat(rows).sum()


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    """Cosine along the last axis."""
    return (a * b).sum(-1) / (_norm(a) * _norm(b) + EPS)


def _norm(x: Tensor) -> Tensor:
    """Norm along the last axis. Its derivative at 0 (the row of a dead unit) is 0 and not nan."""
    square = x.square().sum(-1)
    return torch.where(square > 0, square, torch.ones_like(square)).sqrt() * (square > 0)
