"""SGD with momentum, as a function that changes nothing in place. Matching methods update what they learn with it."""

from torch import Tensor

MOMENTUM = 0.5
"""Momentum of the images and of the inner learning rate. It is a constant in the published code of DC, DSA, DM, MTT
and the methods that follow MTT."""


def moved(value: Tensor, velocity: Tensor, gradient: Tensor, rate: float, momentum: float) -> tuple[Tensor, Tensor]:
    """Return value and velocity after one step."""
    new_velocity = momentum * velocity + gradient
    return value - rate * new_velocity, new_velocity
