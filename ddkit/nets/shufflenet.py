"""ShuffleNetV2 for small images: torchvision's network, which halves the image three times instead of five."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from ddkit.nets.image_size import widen
from ddkit.nets.net import Net, NetSettings
from ddkit.recipe import setting

BLOCKS = (4, 8, 4)
CHANNELS = {
    0.5: (24, 48, 96, 192, 1024),
    1.0: (24, 116, 232, 464, 1024),
    1.5: (24, 176, 352, 704, 1024),
    2.0: (24, 244, 488, 976, 2048),
}
"""Channels of the stem, the three stages and the last layer for each width, as in the paper's table 5."""


@dataclass(frozen=True, kw_only=True)
class ShuffleNetSettings(NetSettings):
    """ShuffleNetV2 (Ma et al., 2018) for small images: the stem has stride 1, and there is no max pooling. It supports
    only batch norm."""

    name: ClassVar[str] = "shufflenet"
    width: float = setting(1.0, one_of=tuple(CHANNELS), help="multiplier of the stages' channels")

    def build(self, shape: tuple[int, int, int], classes: int) -> Net:
        """Build the network for images of `shape` = (channels, height, width), which may have any size."""
        from torchvision.models import ShuffleNetV2  # slow to import

        extra, _, _ = widen(shape)
        channels = CHANNELS[self.width]
        model = ShuffleNetV2(BLOCKS, channels)
        model.conv1[0] = nn.Conv2d(shape[0], channels[0], 3, padding=1 + extra, bias=False)
        stages = (model.conv1, model.stage2, model.stage3, model.stage4, model.conv5)
        return Net(nn.Sequential(*stages, nn.AdaptiveAvgPool2d(1)), channels[-1], classes)
