"""A third party's network: one linear layer of the averaged image."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from ddkit.nets import Net, NetSettings
from ddkit.recipe import setting


@dataclass(frozen=True, kw_only=True)
class LinearSettings(NetSettings):
    """A linear layer on the image, averaged over squares of `pool` pixels."""

    name: ClassVar[str] = "toy-linear"
    pool: int = setting(2, at_least=1, help="pixels of a square")

    def build(self, shape: tuple[int, int, int], classes: int) -> Net:
        channels, height, width = shape
        body = nn.Sequential(nn.AvgPool2d(self.pool))
        return Net(body, channels * (height // self.pool) * (width // self.pool), classes)
