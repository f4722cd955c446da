"""ConvNet, the standard network of dataset distillation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from torch import nn

from ddkit.nets.image_size import require, widen
from ddkit.nets.net import DEEPEST, WIDEST, Net, NetSettings
from ddkit.nets.norm import NORMS, norm_layer
from ddkit.recipe import setting

ACTIVATIONS = {"relu": nn.ReLU, "leaky": nn.LeakyReLU, "sigmoid": nn.Sigmoid}
POOLS = {"avg": nn.AvgPool2d, "max": nn.MaxPool2d}


class BlockShape(NamedTuple):
    """One block of the common ConvNet: its input map, and the padding and output channels of its convolution."""

    channels: int
    height: int
    width: int
    padding: int
    filters: int


@dataclass(frozen=True, kw_only=True)
class ConvNetSettings(NetSettings):
    """ConvNet (Gidaris and Komodakis, 2018): `depth` blocks of 3x3 convolution, norm, activation and 2x2 pooling.

    Papers use depth 3 for 32 pixels, 4 for 64, 5 for 128 and 6 for 256, so that the last maps are 4x4.
    """

    name: ClassVar[str] = "convnet"
    depth: int = setting(3, at_least=1, at_most=DEEPEST, help="blocks; each halves the image, unless pool=none")
    width: int = setting(128, at_least=1, at_most=WIDEST, help="channels of each block")
    norm: str = setting("instance", one_of=NORMS, help="normalisation")
    pool: str = setting("avg", one_of=(*POOLS, "none"), help="pooling")
    act: str = setting("relu", one_of=tuple(ACTIVATIONS), help="activation")

    def build(self, shape: tuple[int, int, int], classes: int) -> Net:
        """Build the network for images of `shape` = (channels, height, width).

        Raises:
            UsageError: the images are too small for the depth, or the width does not suit the norm.
        """
        extra, height, width = widen(shape)
        if self.pool != "none":
            fitting = min(height, width).bit_length() - 1
            fix = f"set depth={fitting} or less, or pool=none" if fitting else "set pool=none"
            require(f"convnet(depth={self.depth})", height, width, 2**self.depth, fix)
        channels = shape[0]
        layers: list[nn.Module] = []
        for block in range(self.depth):
            padding = 1 + extra if block == 0 else 1
            layers += [nn.Conv2d(channels, self.width, 3, padding=padding)]
            layers += norm_layer(self.name, self.norm, self.width, height, width)
            layers += [ACTIVATIONS[self.act]()]
            if self.pool != "none":
                layers += [POOLS[self.pool](2)]
                height, width = height // 2, width // 2
            channels = self.width
        return Net(nn.Sequential(*layers), channels * height * width, classes)

    def common_blocks(self, shape: tuple[int, int, int]) -> list[BlockShape] | None:
        """The blocks for images of `shape` if pooling and activation are the defaults and each channel of a map has one
        scale and shift, else None."""
        if self.norm == "layer" or (self.pool, self.act) != ("avg", "relu"):
            return None
        extra, blocks = widen(shape)[0], []
        channels, height, width = shape
        for block in range(self.depth):
            padding = 1 + extra if block == 0 else 1
            blocks.append(BlockShape(channels, height, width, padding, self.width))
            channels, height, width = self.width, (height + 2 * padding - 2) // 2, (width + 2 * padding - 2) // 2
        return blocks


def fitting_convnet(shape: tuple[int, int, int], width: int) -> ConvNetSettings:
    """Return the ConvNet of the usual depth for images of `shape` = (channels, height, width); its last maps are 4x4
    or larger."""
    _, height, wide = widen(shape)
    return ConvNetSettings(depth=max(1, min(height, wide).bit_length() - 3), width=width)
