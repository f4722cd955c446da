"""LeNet as papers on dataset distillation use it: with ReLU and max pooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from ddkit.nets.image_size import require, widen
from ddkit.nets.net import Net, NetSettings


@dataclass(frozen=True, kw_only=True)
class LeNetSettings(NetSettings):
    """LeNet-5 (LeCun et al., 1998) in the version of Zhao et al. (2021): two 5x5 convolutions, three linear layers."""

    name: ClassVar[str] = "lenet"

    def build(self, shape: tuple[int, int, int], classes: int) -> Net:
        """Build the network for images of `shape` = (channels, height, width).

        Raises:
            UsageError: the images are smaller than 16x16.
        """
        extra, height, width = widen(shape)
        require(self.name, height, width, 16, "use larger images or convnet")
        height, width = (((size - 4) // 2 - 4) // 2 for size in (height, width))
        body = nn.Sequential(
            *(nn.Conv2d(shape[0], 6, 5, padding=extra), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
            *(nn.Linear(16 * height * width, 120), nn.ReLU()),
            *(nn.Linear(120, 84), nn.ReLU()),
        )
        return Net(body, 84, classes)
