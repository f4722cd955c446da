"""VGG11 as papers on dataset distillation use it: with normalisation and one linear layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from ddkit.nets.image_size import require, widen
from ddkit.nets.net import Net, NetSettings
from ddkit.nets.norm import norm_layer
from ddkit.recipe import setting

STAGES = ((64,), (128,), (256, 256), (512, 512), (512, 512))


@dataclass(frozen=True, kw_only=True)
class VGG11Settings(NetSettings):
    """VGG11 (Simonyan and Zisserman, 2015): eight 3x3 convolutions in five stages, each followed by max pooling."""

    name: ClassVar[str] = "vgg11"
    norm: str = setting("instance", one_of=("instance", "batch"), help="normalisation")

    def build(self, shape: tuple[int, int, int], classes: int) -> Net:
        """Build the network for images of `shape` = (channels, height, width).

        Raises:
            UsageError: the images are smaller than 32x32.
        """
        extra, height, width = widen(shape)
        require(self.name, height, width, 32, "use larger images or convnet")
        channels = shape[0]
        layers: list[nn.Module] = []
        for stage in STAGES:
            for out in stage:
                layers += [nn.Conv2d(channels, out, 3, padding=1 + extra)]
                layers += [*norm_layer(self.name, self.norm, out, height, width), nn.ReLU()]
                channels, extra = out, 0
            layers += [nn.MaxPool2d(2)]
            height, width = height // 2, width // 2
        return Net(nn.Sequential(*layers), channels * height * width, classes)
