"""Adam (Kingma and Ba, 2015) under a lr that falls to 0, as images are recovered from teachers."""

import math

from torch import Tensor

BETAS = (0.5, 0.9)
EPS = 1e-8


def annealed_adam(
    value: Tensor, first: Tensor, second: Tensor, gradient: Tensor, t: int, steps: int, lr: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Value and moments after step t = 0 ... steps - 1; the lr is lr / 2 (1 + cos(pi t / steps)), without warm-up."""
    fast, slow = BETAS
    first = fast * first + (1 - fast) * gradient
    second = slow * second + (1 - slow) * gradient.square()
    centred = first / (1 - fast ** (t + 1))
    size = (second / (1 - slow ** (t + 1))).sqrt() + EPS
    rate = lr / 2 * (1 + math.cos(math.pi * t / steps))
    return value - rate * centred / size, first, second
