"""Distance between a batch's statistics and the running statistics of a teacher's batch norms.

Recovery from a teacher minimises it beside the cross entropy (DeepInversion, Yin et al., CVPR 2020; SRe2L; INFER). For
batch norms l with running statistics (mean_l, var_l) and statistics (mean_l(z), var_l(z)) of their inputs,

    bn_distance "norm":       sum over l of  w_l (|var_l - var_l(z)| + |mean_l - mean_l(z)|)

    bn_distance "relative":   mean over l, weighted by w_l, of
                                  rms over channels of ((mean_l - mean_l(z)) / std_l)
                                + rms over channels of (var_l(z) / var_l - 1)

w_l is FIRST for the first batch norm and 1 for the others. Variances are biased. "norm" is the published distance, not
squared. It grows with the numbers of layers and channels and with the size of activations, so that a weight chosen for
one network does not suit another. "relative" does not have this dependence.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from ddkit.nets import Moments, Stats
from ddkit.ranks import Ranks

BN_DISTANCES = ("norm", "relative")

FIRST = 10.0
"""Weight of the first batch norm."""

EPS = 1e-5


def bn_distance(moments: Moments, stats: Stats, kind: str) -> Float[Tensor, " groups"]:
    """Return the distance of each group of a batch.

    Batch norms that did not run do not count. If none ran, the distance is [0].
    """
    if not moments:
        return torch.zeros(1)
    distance = {"norm": _norm, "relative": _relative}[kind]
    total, weights = torch.zeros(()), 0.0
    for i, (name, (mean, variance)) in enumerate(moments.items()):
        weight = FIRST if i == 0 else 1.0
        running = stats[f"{name}.running_mean"], stats[f"{name}.running_var"]
        total = total + weight * distance(mean, variance, *running)
        weights += weight
    return total / weights if kind == "relative" else total


def _norm(mean: Tensor, variance: Tensor, running_mean: Tensor, running_var: Tensor) -> Tensor:
    distances: Tensor = (running_var - variance).norm(dim=1) + (running_mean - mean).norm(dim=1)
    return distances


def _relative(mean: Tensor, variance: Tensor, running_mean: Tensor, running_var: Tensor) -> Tensor:
    shift = (running_mean - mean) / (running_var + EPS).sqrt()
    scale = (variance + EPS) / (running_var + EPS) - 1
    return _rms(shift) + _rms(scale)


def _rms(values: Tensor) -> Tensor:
    root_mean_square: Tensor = values.norm(dim=1) / values.shape[1] ** 0.5
    return root_mean_square


def exchanged(own: dict[int, Moments], count: int, ranks: Ranks) -> list[Moments]:
    """Return the moments of all parts, 0 to `count` - 1. Each rank has those of its own parts, at least one."""
    if ranks.count == 1:
        return [own[part] for part in range(count)]
    one = next(iter(own.values()))
    values = {name: torch.stack([value.new_zeros(count, *value.shape) for value in pair]) for name, pair in one.items()}
    for part, moments in own.items():
        for name, pair in moments.items():
            values[name][:, part] = torch.stack(pair)
    whole = dict(zip(values, ranks.sum(*values.values()), strict=True)) if values else {}
    return [{name: (mean[part], variance[part]) for name, (mean, variance) in whole.items()} for part in range(count)]


def joined(parts: list[Moments], sizes: list[int]) -> Moments:
    """Return the moments of whole batches from those of their parts, which have `sizes` images each."""
    weights = [size / sum(sizes) for size in sizes]
    whole: Moments = {}
    for name in parts[0]:
        means, variances = zip(*(part[name] for part in parts), strict=True)
        mean = sum(w * m for w, m in zip(weights, means, strict=True))
        variance = sum(w * (v + (m - mean).square()) for w, m, v in zip(weights, means, variances, strict=True))
        whole[name] = mean, variance
    return whole


def cotangents(
    loss_of: Callable[[Moments], Tensor], parts: list[Moments], sizes: list[int]
) -> tuple[Tensor, list[dict[str, tuple[Tensor, Tensor]]]]:
    """Return the loss of the joined moments, and its derivative for each part's own moments."""
    leaves = [
        {name: (m.detach().requires_grad_(), v.detach().requires_grad_()) for name, (m, v) in p.items()} for p in parts
    ]
    flat = [value for part in leaves for pair in part.values() for value in pair]
    loss = loss_of(joined(leaves, sizes))
    if not flat:
        return loss.detach(), [{} for _ in parts]
    gradients = iter(torch.autograd.grad(loss, flat))
    return loss.detach(), [{name: (next(gradients), next(gradients)) for name in part} for part in leaves]
