"""Adam (Kingma and Ba, 2015) with a rate that falls to 0 along half a cosine, for recovery from teachers and NCFM."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

BETAS = (0.5, 0.9)
"""The betas of SRe2L and INFER."""

EPS = 1e-8


def annealed_adam(
    value: Tensor,
    first: Tensor,
    second: Tensor,
    gradient: Tensor,
    t: int,
    steps: int,
    lr: float,
    *,
    betas: tuple[float, float] = BETAS,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return value and moments after step t = 0 ... steps - 1. The rate is lr / 2 (1 + cos(pi t / steps))."""
    fast, slow = betas
    first = fast * first + (1 - fast) * gradient
    second = slow * second + (1 - slow) * gradient.square()
    centred = first / (1 - fast ** (t + 1))
    scale = (second / (1 - slow ** (t + 1))).sqrt() + EPS
    rate = lr / 2 * (1 + math.cos(math.pi * t / steps))
    return value - rate * centred / scale, first, second


@dataclass(frozen=True, eq=False)
class Learned:
    """A tensor that Adam learns, and its two moments."""

    value: Tensor
    first: Tensor
    second: Tensor

    @classmethod
    def begin(cls, value: Tensor) -> "Learned":
        """The tensor before the first step."""
        return cls(value, torch.zeros_like(value), torch.zeros_like(value))
