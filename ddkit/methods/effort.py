"""An estimate of what making a set takes, from the settings alone: to begin long sets first, and as many as fit."""

from typing import NamedTuple

from ddkit.nets import FlatNet

SECOND = 3
"""Passes that a step costs whose gradient is differentiated again: one for the gradient, two for its derivative."""

FORWARD = 1 / 3
"""Passes of a batch without a gradient."""


class Effort(NamedTuple):
    """What making one set takes.

    Attributes:
        passes: images that pass through the network forward and backward, over all iterations.
        memory: peak bytes without the real data.
    """

    passes: float
    memory: int

    def time(self, net: FlatNet) -> float:
        """A number that grows with the time, to compare sets of different networks. It has no unit."""
        return self.passes * (net.activations + net.parameters)


def fewer_iterations(iterations: int) -> str:
    """Return `MethodSettings.shorter` for a method that has a setting `iterations`."""
    return f"--set method.iterations={iterations // 10 or 1} needs a tenth of the time"
