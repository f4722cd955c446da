"""The four functions of blocks.c and tangents.c as torch formulas, which are compiled for CUDA.

Maps are [B, H, W, C], parameters [C], statistics [B, C]. The notation is that of blocks.c.
"""

import types
from collections.abc import Callable
from functools import partial
from typing import Any, final

import torch
import torch.nn.functional as F
from torch import Tensor

from ddkit.steps.norm import EPS, INSTANCE, Norm
from ddkit.steps.slower import warn_slower

Pair = tuple[Tensor, Tensor]


def forward(z: Tensor, gamma: Tensor, beta: Tensor, *, norm: Norm = INSTANCE) -> tuple[Tensor, Pair]:
    work = z.to(gamma.dtype)
    mean = _mean(work, norm)
    variance = _mean((work - mean).square(), norm)
    rstd = torch.where(variance.isfinite(), (variance + EPS).rsqrt(), torch.nan)  # else an overflow would give 0
    if not norm.together:
        rstd = torch.ones_like(rstd)
    h = (work - mean) * rstd
    return _pool((gamma * h + beta).relu()).to(z.dtype), (mean[:, 0, 0], rstd[:, 0, 0])


def backward(
    z: Tensor, gp: Tensor, gamma: Tensor, beta: Tensor, stats: Pair, *, norm: Norm = INSTANCE
) -> tuple[Tensor, Tensor, Tensor]:
    h, on = _normal(z, gamma, beta, stats)
    g = on * _spread(gp, z)
    u, total, dot = _centred(gamma * g, h, norm), g.sum((0, 1, 2)), (g * h).sum((0, 1, 2))
    return (_map(stats[1]) * u).to(z.dtype), total, dot


def forward_tangent(
    z: Tensor,
    zt: Tensor,
    gamma: Tensor,
    beta: Tensor,
    gamma_t: Tensor,
    beta_t: Tensor,
    stats: Pair,
    *,
    norm: Norm = INSTANCE,
) -> tuple[Tensor, Pair]:
    h, on = _normal(z, gamma, beta, stats)
    work = zt.to(gamma.dtype)
    mean_t, q = _mean(work, norm), _mean(h * work, norm)
    ht = _map(stats[1]) * (work - mean_t - h * q)
    return _pool(on * (gamma * ht + gamma_t * h + beta_t)).to(z.dtype), (mean_t[:, 0, 0], q[:, 0, 0])


def backward_tangent(
    z: Tensor,
    zt: Tensor,
    gp: Tensor,
    gpt: Tensor,
    gamma: Tensor,
    beta: Tensor,
    gamma_t: Tensor,
    stats: Pair,
    stats_t: Pair,
    *,
    norm: Norm = INSTANCE,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    h, on = _normal(z, gamma, beta, stats)
    rstd, q = _map(stats[1]), _map(stats_t[1])
    ht = rstd * (zt.to(gamma.dtype) - _map(stats_t[0]) - h * q)
    g, gt = on * _spread(gp, z), on * _spread(gpt, z)
    a, at = gamma * g, gamma * gt + gamma_t * g
    u = _centred(a, h, norm)
    ut = _centred(at, h, norm) - ht * _mean(a * h, norm) - h * _mean(a * ht, norm)
    gzt = rstd * (ut - rstd * q * u)
    return (rstd * u).to(z.dtype), gzt.to(z.dtype), gt.sum((0, 1, 2)), (gt * h + g * ht).sum((0, 1, 2))


def _mean(a: Tensor, norm: Norm) -> Tensor:
    """Compute the means [B, 1, 1, C] that the norm takes; without a norm they are 0."""
    if not norm.together:
        return torch.zeros_like(a[:, :1, :1])
    mean = a.mean((0, 1, 2) if norm.whole_batch else (1, 2), keepdim=True).expand(len(a), -1, -1, -1)
    if norm.together == 1:
        return mean
    groups: Tensor = mean.unflatten(3, (-1, norm.together))
    return groups.mean(4, keepdim=True).expand_as(groups).flatten(3)


def _map(statistic: Tensor) -> Tensor:
    return statistic[:, None, None, :]


def _normal(z: Tensor, gamma: Tensor, beta: Tensor, stats: Pair) -> Pair:
    """Return (h, 1 where ReLU passes its input, else 0)."""
    h = (z.to(gamma.dtype) - _map(stats[0])) * _map(stats[1])
    return h, (gamma * h + beta > 0).to(h.dtype)


def _centred(a: Tensor, h: Tensor, norm: Norm) -> Tensor:
    return a - _mean(a, norm) - h * _mean(a * h, norm)


def _pool(a: Tensor) -> Tensor:
    b, h, w, c = a.shape
    even = a[:, : h // 2 * 2, : w // 2 * 2]  # pooling drops the last row or column of an odd map
    return even.reshape(b, h // 2, 2, w // 2, 2, c).mean((2, 4))


def _spread(gp: Tensor, z: Tensor) -> Tensor:
    """Compute the pullback of `_pool`, in float32 or wider."""
    b, h, w, c = gp.shape
    quarter = gp.to(torch.promote_types(gp.dtype, torch.float32)) / 4
    full = quarter[:, :, None, :, None].expand(b, h, 2, w, 2, c).reshape(b, 2 * h, 2 * w, c)
    return F.pad(full, (0, 0, 0, z.shape[2] - 2 * w, 0, z.shape[1] - 2 * h))


@final
class FormulaBlocks:
    """The formulas with the interface of `NativeBlocks`. If `fuse`, torch.compile fuses them."""

    def __init__(self, fuse: bool, norm: Norm = INSTANCE) -> None:
        formulas = (forward, backward, forward_tangent, backward_tangent)
        self.forward, self.backward, self.forward_tangent, self.backward_tangent = (
            partial(_compiled(formula) if fuse else formula, norm=norm) for formula in formulas
        )

    def stacked(self, networks: int) -> None:
        return None


def _compiled(formula: Callable[..., Any]) -> Callable[..., Any]:
    programs: dict[Any, Callable[..., Any]] = {}

    def call(z: Tensor, *rest: Any, norm: Norm) -> Any:
        kind = (z.shape, z.dtype, z.device)
        if kind not in programs:
            # A separate code object for each kind of map, because dynamo compiles a code object at most eight times
            programs[kind] = torch.compile(_twin(formula), dynamic=False)
        try:
            return programs[kind](z, *rest, norm=norm)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # for any error of the compiler there is the slower formula
            if capturing(z):
                raise  # the capture has failed, but the program may work outside of a capture
            warn_slower("the step could not be compiled", str(error) or type(error).__name__)
            programs[kind] = formula
            return formula(z, *rest, norm=norm)

    return call


def capturing(z: Tensor) -> bool:
    """Whether the current stream records a CUDA graph, in which nothing can be compiled or measured."""
    return z.is_cuda and torch.cuda.is_current_stream_capturing()


def _twin(function: Any) -> Any:
    code, closure = function.__code__.replace(), function.__closure__
    return types.FunctionType(code, function.__globals__, function.__name__, function.__defaults__, closure)
