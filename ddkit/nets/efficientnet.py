"""EfficientNet-B0 for small images: torchvision's network with a stem that keeps the image size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from ddkit.nets.image_size import widen
from ddkit.nets.net import WIDEST_MULTIPLIER, Net, NetSettings
from ddkit.recipe import setting

STAGES = (
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4),
    (6, 3, 1, 192, 320, 1),
)
"""(expansion, kernel, stride, channels in, channels out, blocks) of each stage, as in the paper's table 1."""


@dataclass(frozen=True, kw_only=True)
class EfficientNetB0Settings(NetSettings):
    """EfficientNet-B0 (Tan and Le, 2019) for small images: the stem has stride 1. It supports only batch norm.

    It has no dropout and no stochastic depth, because they would use the global generator. The module has torchvision's
    initial weights; FlatNet initialises it like every other network.
    """

    name: ClassVar[str] = "efficientnet-b0"
    width: float = setting(1.0, above=0, at_most=WIDEST_MULTIPLIER, help="multiplier of all channels")

    def build(self, shape: tuple[int, int, int], classes: int) -> Net:
        """Build the network for images of `shape` = (channels, height, width), which may have any size."""
        from torchvision.models.efficientnet import EfficientNet, MBConvConfig  # slow to import

        extra, _, _ = widen(shape)
        stages = [MBConvConfig(*stage, width_mult=self.width) for stage in STAGES]
        model = EfficientNet(stages, dropout=0.0, stochastic_depth_prob=0.0)
        stem, last = model.features[0], model.features[-1]
        stem[0] = nn.Conv2d(shape[0], stem.out_channels, 3, padding=1 + extra, bias=False)
        return Net(nn.Sequential(model.features, nn.AdaptiveAvgPool2d(1)), last.out_channels, classes)
