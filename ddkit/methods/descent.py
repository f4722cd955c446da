"""How every method moves what it learns: SGD with momentum, written so that nothing changes in place."""

from torch import Tensor

MOMENTUM = 0.5
"""Momentum of the images, and of the inner learning rate: a constant in the published code of DC, DSA, DM, MTT and its
followers."""


def moved(value: Tensor, velocity: Tensor, gradient: Tensor, rate: float, momentum: float) -> tuple[Tensor, Tensor]:
    """Value and velocity after one step."""
    faster = momentum * velocity + gradient
    return value - rate * faster, faster
