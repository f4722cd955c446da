"""What every network of ddkit is: a body that makes features, and a linear head on top of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from ddkit.recipe import Settings

DEEPEST, WIDEST, WIDEST_MULTIPLIER = 256, 2**16, 64
"""Layers, channels and multiples of channels that a network may have: more is a slip of the pen, whose network would
take minutes and more memory than there is to make."""


class Net(nn.Module):
    """`forward(x) = head(features(x))`, where the features are the body's output, flattened.

    The networks differ in their bodies only. Parameters are registered in the order of the field's published code
    (layer by layer, the head last), so that flat parameter vectors have the field's layout.
    """

    def __init__(self, body: nn.Module, features: int, classes: int) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Linear(features, classes)

    def features(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b f"]:
        """The penultimate features, flattened: what feature matching and data selection look at."""
        found: Tensor = self.body(x)
        return found.flatten(1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k"]:
        """The logits."""
        logits: Tensor = self.head(self.features(x))
        return logits


@dataclass(frozen=True, kw_only=True)
class NetSettings(Settings, ABC):
    """A frozen dataclass that describes a network and builds it for given images."""

    name: ClassVar[str]

    @abstractmethod
    def build(self, shape: tuple[int, int, int], classes: int) -> Net:
        """The network for images of `shape` = (channels, height, width).

        Raises:
            UsageError: the images are too small for the network.
        """
