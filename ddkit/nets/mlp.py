"""A multilayer perceptron on the flattened image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from ddkit.nets.net import DEEPEST, WIDEST, Net, NetSettings
from ddkit.recipe import setting


@dataclass(frozen=True, kw_only=True)
class MLPSettings(NetSettings):
    """`depth` hidden layers of `width` units with ReLU; the usual MLP has two of 128."""

    name: ClassVar[str] = "mlp"
    depth: int = setting(2, at_least=1, at_most=DEEPEST, help="hidden layers")
    width: int = setting(128, at_least=1, at_most=WIDEST, help="units of each hidden layer")

    def build(self, shape: tuple[int, int, int], classes: int) -> Net:
        """Build the network for images of `shape` = (channels, height, width)."""
        channels, height, width = shape
        units = channels * height * width
        layers: list[nn.Module] = [nn.Flatten()]
        for _ in range(self.depth):
            layers += [nn.Linear(units, self.width), nn.ReLU()]
            units = self.width
        return Net(nn.Sequential(*layers), units, classes)
