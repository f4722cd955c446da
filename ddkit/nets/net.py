"""The base of all networks: a body that computes features, and a linear head."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from ddkit.recipe import Settings

DEEPEST, WIDEST, WIDEST_MULTIPLIER = 256, 2**16, 64
"""Largest numbers of layers, channels and multiples of channels of a network. Larger values are probably typing errors;
such a network would need minutes and too much memory to build."""


class Net(nn.Module):
    """`forward(x) = head(features(x))`, where the features are the body's output, flattened.

    The networks differ only in their bodies. Parameters are registered in the order of published code (layer by layer,
    the head last), so that flat parameter vectors have the same layout.
    """

    def __init__(self, body: nn.Module, features: int, classes: int) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Linear(features, classes)

    def features(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b f"]:
        """Compute the penultimate features, flattened. Feature matching and data selection use them."""
        found: Tensor = self.body(x)
        return found.flatten(1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k"]:
        """Compute the logits."""
        logits: Tensor = self.head(self.features(x))
        return logits


@dataclass(frozen=True, kw_only=True)
class NetSettings(Settings, ABC):
    """A frozen dataclass that describes a network and builds it for given images."""

    name: ClassVar[str]

    @abstractmethod
    def build(self, shape: tuple[int, int, int], classes: int) -> Net:
        """Build the network for images of `shape` = (channels, height, width).

        Raises:
            UsageError: the images are too small for the network.
        """
