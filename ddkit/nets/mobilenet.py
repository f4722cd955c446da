"""MobileNetV2 for small images: torchvision's network, which halves the image three times instead of five."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from ddkit.nets.image_size import widen
from ddkit.nets.net import WIDEST_MULTIPLIER, Net, NetSettings
from ddkit.recipe import setting

STAGES = ((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""(expansion, channels, blocks, stride) of each stage, as in the paper except the second stage's stride, there 2."""


@dataclass(frozen=True, kw_only=True)
class MobileNetV2Settings(NetSettings):
    """MobileNetV2 (Sandler et al., 2018) for small images: stem and second stage keep the image size. It supports only
    batch norm.

    It has no dropout, because dropout would use the global generator. The module has torchvision's initial weights;
    FlatNet initialises it like every other network.
    """

    name: ClassVar[str] = "mobilenetv2"
    width: float = setting(
        1.0, above=0, at_most=WIDEST_MULTIPLIER, help="multiplier of all channels; the last layer's only from 1 upwards"
    )

    def build(self, shape: tuple[int, int, int], classes: int) -> Net:
        """Build the network for images of `shape` = (channels, height, width), which may have any size."""
        from torchvision.models import MobileNetV2  # slow to import

        extra, _, _ = widen(shape)
        model = MobileNetV2(width_mult=self.width, inverted_residual_setting=STAGES, dropout=0.0)
        stem = model.features[0]
        stem[0] = nn.Conv2d(shape[0], stem.out_channels, 3, padding=1 + extra, bias=False)
        return Net(nn.Sequential(model.features, nn.AdaptiveAvgPool2d(1)), model.last_channel, classes)
