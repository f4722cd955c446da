"""ResNet18 as papers on dataset distillation use it: with a 3x3 stem without pooling, for small images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from ddkit.nets.image_size import require, widen
from ddkit.nets.net import WIDEST, Net, NetSettings
from ddkit.nets.norm import norm_layer
from ddkit.recipe import setting


class BasicBlock(nn.Module):
    """`relu(residual(x) + shortcut(x))` with two 3x3 convolutions in the residual (He et al., 2016)."""

    def __init__(self, residual: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.residual = residual
        self.shortcut = shortcut

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d i j"]:
        """Compute the block's output."""
        total: Tensor = self.residual(x) + self.shortcut(x)
        return total.relu()


@dataclass(frozen=True, kw_only=True)
class ResNet18Settings(NetSettings):
    """ResNet18 (He et al., 2016) for small images. With downsample=avg it is ResNet18_AP of published code.

    ResNet18 averages its last maps to one value each, at every image size; ResNet18_AP flattens them. Its four stages
    have `width`, 2 `width`, 4 `width` and 8 `width` channels; the published network has width 64.
    """

    name: ClassVar[str] = "resnet18"
    width: int = setting(
        64, at_least=1, at_most=WIDEST, help="channels of the first stage; each later one has twice as many"
    )
    norm: str = setting("instance", one_of=("instance", "batch"), help="normalisation")
    downsample: str = setting("stride", one_of=("stride", "avg"), help="how stages shrink: strides or average pooling")

    def build(self, shape: tuple[int, int, int], classes: int) -> Net:
        """Build the network for images of `shape` = (channels, height, width).

        Raises:
            UsageError: the last maps would be empty, or 1x1 with norm=instance, which makes them constant.
        """
        extra, height, width = widen(shape)
        if self.downsample == "avg":
            require("resnet18(downsample=avg)", height, width, 8, "use larger images or downsample=stride")
        stem = nn.Conv2d(shape[0], self.width, 3, padding=1 + extra, bias=False)
        layers = [stem, *self._norm(self.width, (height, width)), nn.ReLU()]
        channels = self.width
        for stage in range(4):
            out, halve = self.width << stage, stage > 0
            layers += [self._block(channels, out, height, width, halve)]
            if halve:
                height, width = self._halved(height), self._halved(width)
            layers += [self._block(out, out, height, width, halve=False)]
            channels = out
        if self.downsample == "stride":
            layers += [nn.AdaptiveAvgPool2d(1)]
            height, width = 1, 1
        return Net(nn.Sequential(*layers), channels * height * width, classes)

    def _block(self, channels: int, out: int, height: int, width: int, halve: bool) -> BasicBlock:
        stride = 2 if halve and self.downsample == "stride" else 1
        pool = [nn.AvgPool2d(2)] if halve and self.downsample == "avg" else []
        after = (self._halved(height), self._halved(width)) if halve else (height, width)
        between = (height, width) if pool else after
        residual = nn.Sequential(
            nn.Conv2d(channels, out, 3, stride, padding=1, bias=False),
            *self._norm(out, between),
            nn.ReLU(),
            *pool,
            nn.Conv2d(out, out, 3, padding=1, bias=False),
            *self._norm(out, after),
        )
        if not halve:
            return BasicBlock(residual, nn.Identity())
        projection = nn.Conv2d(channels, out, 1, stride, bias=False)
        return BasicBlock(residual, nn.Sequential(projection, *pool, *self._norm(out, after)))

    def _norm(self, channels: int, size: tuple[int, int]) -> list[nn.Module]:
        height, width = size
        return norm_layer(self.name, self.norm, channels, height, width)

    def _halved(self, size: int) -> int:
        return size // 2 if self.downsample == "avg" else (size + 1) // 2
