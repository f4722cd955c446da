"""SGD with momentum and weight decay, in place."""

import torch
from torch import Tensor


class SGD:
    """v <- momentum v + gradient + decay theta; theta <- theta - rate v, for parameters of any shape.

    Everything is changed in place, because a new vector of a large network costs as much as its arithmetic.

        descent = SGD(theta)
        descent.step(theta, gradient, rate=0.01, momentum=0.9, decay=5e-4)
    """

    def __init__(self, like: Tensor) -> None:
        self._velocity, self._product = torch.zeros_like(like), torch.empty_like(like)

    def reset(self) -> None:
        """Set the velocity to 0."""
        self._velocity.zero_()

    def step(self, theta: Tensor, gradient: Tensor, rate: float | Tensor, momentum: float, decay: float) -> None:
        """Change `theta`. A tensor `rate` is broadcast against it."""
        self._velocity.mul_(momentum).add_(gradient).add_(torch.mul(theta, decay, out=self._product))
        theta.sub_(torch.mul(self._velocity, rate, out=self._product))
