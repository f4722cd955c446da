"""AlexNet as papers on dataset distillation use it: for small images, without normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from ddkit.nets.image_size import require, widen
from ddkit.nets.net import Net, NetSettings


@dataclass(frozen=True, kw_only=True)
class AlexNetSettings(NetSettings):
    """AlexNet (Krizhevsky et al., 2012) in the version of Zhao et al. (2021): five convolutions, one linear layer."""

    name: ClassVar[str] = "alexnet"

    def build(self, shape: tuple[int, int, int], classes: int) -> Net:
        """Build the network for images of `shape` = (channels, height, width).

        Raises:
            UsageError: the images are smaller than 8x8.
        """
        extra, height, width = widen(shape)
        require(self.name, height, width, 8, "use larger images or convnet")
        body = nn.Sequential(
            *(nn.Conv2d(shape[0], 128, 5, padding=2 + extra), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(128, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(192, 256, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(256, 192, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(192, 192, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        )
        return Net(body, 192 * (height // 8) * (width // 8), classes)
