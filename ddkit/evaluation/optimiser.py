"""The optimisers of an evaluation's networks: SGD with momentum, and AdamW."""

import math

import torch
from torch import Tensor

from ddkit.evaluation.training import Training
from ddkit.steps import SGD


def optimiser_of(training: Training, lr: Tensor, theta: Tensor) -> "SteppedSGD | AdamW":
    """The optimiser of a training, for networks with parameters theta [n, P] and learning rates lr [n].

    Its method `step(t, theta, gradient)` changes the parameters in place, in step t = 0, 1, ...
    """
    kinds: dict[str, type[SteppedSGD] | type[AdamW]] = {"sgd": SteppedSGD, "adamw": AdamW}
    return kinds[training.optimiser](training, lr.to(theta.device)[:, None], theta)


class SteppedSGD:
    """SGD with momentum, and with weight decay in the gradient. The lr drops once; see `Training`."""

    def __init__(self, training: Training, rate: Tensor, theta: Tensor) -> None:
        self._training, self._rate, self._momentum = training, rate, training.momentum
        self._descent = SGD(theta)

    def step(self, t: int, theta: Tensor, gradient: Tensor) -> None:
        training = self._training
        if t == training.drop_at:
            self._rate = self._rate * training.drop_factor
            self._momentum = training.momentum if training.drop_momentum is None else training.drop_momentum
            if training.drop_resets:
                self._descent.reset()
        self._descent.step(theta, gradient, self._rate, self._momentum, training.weight_decay)


class AdamW:
    """AdamW (Loshchilov and Hutter, 2019) with PyTorch's betas and eps.

    The lr falls to 0 along half a cosine, or by halves; see `Training`.
    """

    BETAS, EPS = (0.9, 0.999), 1e-8

    def __init__(self, training: Training, rate: Tensor, theta: Tensor) -> None:
        self._training, self._rate = training, rate
        self._first, self._second = torch.zeros_like(theta), torch.zeros_like(theta)

    def step(self, t: int, theta: Tensor, gradient: Tensor) -> None:
        fast, slow = self.BETAS
        rate = self._rate * self._share_of_rate(t)
        self._first = fast * self._first + (1 - fast) * gradient
        self._second = slow * self._second + (1 - slow) * gradient.square()
        centred = self._first / (1 - fast ** (t + 1))
        size = (self._second / (1 - slow ** (t + 1))).sqrt() + self.EPS
        theta.mul_(1 - rate * self._training.weight_decay).sub_(rate * centred / size)

    def _share_of_rate(self, t: int) -> float:
        steps, halvings = self._training.steps, self._training.halvings
        if halvings:
            return float(0.5 ** (t * (halvings + 1) // steps))
        return (1 + math.cos(math.pi * t / steps)) / 2
