"""3x3 convolutions of stride 1 on maps [B, H, W, C]: the three bilinear forms that all derivatives consist of.

    convolve(x, w) = z        pull_image(gz, w) = d <gz, z> / d x        pull_weight(x, gz) = d <gz, z> / d w

Each is linear in either argument and the derivative of one is made of the others, so that a step and its second
derivatives need nothing else. They take several pairs and give the sum, which is what the product rule asks for.
Autograd's own double backward of a convolution runs some of them as convolutions with kernels as large as the image,
which is several times slower on a CPU.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from ddkit.nets import BlockShape
from ddkit.steps.native import Kernels

FEW_CHANNELS, FEW_WEIGHTS = 4, 32 * 32
"""Up to these the matrix product of windows beats the library's convolution on a CPU: a call of the library is mostly
overhead on small layers, and its image gradient is 5 times slower on the first. (Two cores, AVX-512.)"""


Pair = tuple[Tensor, Tensor]


def choose_convolution(shape: BlockShape, kernels: Kernels) -> "Convolution":
    """Windows for few channels, the library's for many."""
    if shape.channels <= FEW_CHANNELS or shape.channels * shape.filters <= FEW_WEIGHTS:
        return WindowConvolution(shape, kernels)
    return LibraryConvolution(shape)


@runtime_checkable
class Convolution(Protocol):
    """`image` and `weight` prepare an operand once; the prepared form serves every form that reads it."""

    def image(self, x: Tensor) -> Tensor:
        """From a map [B, H, W, C]."""
        ...

    def weight(self, w: Tensor) -> Tensor:
        """From [O, C, 3, 3]."""
        ...

    def convolve(self, *pairs: Pair) -> Tensor:
        """(image, weight) ... -> [B, H', W', O]"""
        ...

    def pull_image(self, *pairs: Pair) -> Tensor:
        """(gz, weight) ... -> [B, H, W, C]"""
        ...

    def pull_weight(self, *pairs: Pair) -> Tensor:
        """(image, gz) ... -> [O, C, 3, 3]"""
        ...


@dataclass(frozen=True)
class LibraryConvolution:
    """PyTorch's convolutions; channels-last maps go in and out without being copied."""

    shape: BlockShape

    def image(self, x: Tensor) -> Tensor:
        return x.permute(0, 3, 1, 2)

    def weight(self, w: Tensor) -> Tensor:
        return w.contiguous(memory_format=torch.channels_last)

    def convolve(self, *pairs: Pair) -> Tensor:
        return _sum([torch.conv2d(x, w, padding=self.shape.padding) for x, w in pairs]).permute(0, 2, 3, 1).contiguous()

    def pull_image(self, *pairs: Pair) -> Tensor:
        like = pairs[0][0].new_empty(len(pairs[0][0]), self.shape.height, self.shape.width, self.shape.channels)
        x = like.permute(0, 3, 1, 2)
        return _sum([self._pull(gz, x, w, 0) for gz, w in pairs]).permute(0, 2, 3, 1).contiguous()

    def pull_weight(self, *pairs: Pair) -> Tensor:
        w = pairs[0][0].new_empty(self.shape.filters, self.shape.channels, 3, 3)
        return _sum([self._pull(gz, x, w, 1) for x, gz in pairs])

    def _pull(self, gz: Tensor, x: Tensor, w: Tensor, which: int) -> Tensor:
        padding, mask = [self.shape.padding] * 2, [which == 0, which == 1, False]
        return torch.ops.aten.convolution_backward(
            gz.permute(0, 3, 1, 2), x, w, None, [1, 1], padding, [1, 1], False, [0, 0], 1, mask
        )[which]


@dataclass(frozen=True)
class WindowConvolution:
    """Every 3x3 window as one row of a matrix, and a matrix product."""

    shape: BlockShape
    kernels: Kernels

    def image(self, x: Tensor) -> Tensor:
        grow = 2 * self.shape.padding - 2
        rows = x.new_empty(len(x), self.shape.height + grow, self.shape.width + grow, 9 * self.shape.channels)
        self.kernels("windows", x, self.shape.padding, x, rows)
        return rows

    def weight(self, w: Tensor) -> Tensor:
        return w.permute(2, 3, 1, 0).reshape(-1, self.shape.filters)

    def convolve(self, *pairs: Pair) -> Tensor:
        z = _products([(rows.flatten(0, 2), w) for rows, w in pairs])
        return z.view(*pairs[0][0].shape[:3], self.shape.filters)

    def pull_image(self, *pairs: Pair) -> Tensor:
        rows = _products([(gz.flatten(0, 2), w.T) for gz, w in pairs])
        image = rows.new_empty(len(pairs[0][0]), self.shape.height, self.shape.width, self.shape.channels)
        self.kernels("gather_windows", image, self.shape.padding, rows, image)
        return image

    def pull_weight(self, *pairs: Pair) -> Tensor:
        grad = _products([(rows.flatten(0, 2).T, gz.flatten(0, 2)) for rows, gz in pairs])
        return grad.view(3, 3, self.shape.channels, self.shape.filters).permute(3, 2, 0, 1)


def _sum(parts: list[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total += part
    return total


def _products(pairs: list[Pair]) -> Tensor:
    total = torch.mm(*pairs[0])
    for one, other in pairs[1:]:
        total.addmm_(one, other)
    return total
