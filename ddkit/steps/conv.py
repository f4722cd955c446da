"""3x3 convolutions of stride 1 on maps [B, H, W, C]: the three bilinear forms that all derivatives consist of.

    convolve(x, w) = z        pull_image(gz, w) = d <gz, z> / d x        pull_weight(x, gz) = d <gz, z> / d w

Each is linear in either argument and the derivative of one is made of the others, so that a step and its second
derivatives need nothing else. Autograd's own double backward of a convolution runs some of them as convolutions with
kernels as large as the image instead, which is several times slower on a CPU.
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


def choose_convolution(shape: BlockShape, kernels: Kernels) -> "Convolution":
    """Windows for few channels, the library's for many."""
    if shape.channels <= FEW_CHANNELS or shape.channels * shape.filters <= FEW_WEIGHTS:
        return WindowConvolution(shape.padding, kernels)
    return LibraryConvolution(shape.padding)


@runtime_checkable
class Convolution(Protocol):
    """`lower` prepares an image once; the prepared form serves every product that reads it. Weights: [O, C, 3, 3]."""

    def lower(self, x: Tensor) -> Tensor: ...
    def convolve(self, lowered: Tensor, w: Tensor) -> Tensor: ...
    def pull_image(self, gz: Tensor, w: Tensor, shape: torch.Size) -> Tensor: ...
    def pull_weight(self, lowered: Tensor, gz: Tensor, w: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class LibraryConvolution:
    """PyTorch's convolutions; channels-last maps go in and out without being copied."""

    padding: int

    def lower(self, x: Tensor) -> Tensor:
        return x.permute(0, 3, 1, 2)

    def convolve(self, lowered: Tensor, w: Tensor) -> Tensor:
        return torch.conv2d(lowered, w, padding=self.padding).permute(0, 2, 3, 1).contiguous()

    def pull_image(self, gz: Tensor, w: Tensor, shape: torch.Size) -> Tensor:
        like = gz.new_empty(shape).permute(0, 3, 1, 2)
        return self._pull(gz, like, w, 0).permute(0, 2, 3, 1).contiguous()

    def pull_weight(self, lowered: Tensor, gz: Tensor, w: Tensor) -> Tensor:
        return self._pull(gz, lowered, w, 1)

    def _pull(self, gz: Tensor, x: Tensor, w: Tensor, which: int) -> Tensor:
        mask = [which == 0, which == 1, False]
        padding = [self.padding, self.padding]
        return torch.ops.aten.convolution_backward(
            gz.permute(0, 3, 1, 2), x, w, None, [1, 1], padding, [1, 1], False, [0, 0], 1, mask
        )[which]


@dataclass(frozen=True)
class WindowConvolution:
    """Every 3x3 window as one row of a matrix, and a matrix product."""

    padding: int
    kernels: Kernels

    def lower(self, x: Tensor) -> Tensor:
        b, h, w, c = x.shape
        grow = 2 * self.padding - 2
        columns = x.new_empty(b, h + grow, w + grow, 9 * c)
        self.kernels("windows", x, self.padding, x, columns)
        return columns

    def convolve(self, lowered: Tensor, w: Tensor) -> Tensor:
        return lowered @ _as_matrix(w)

    def pull_image(self, gz: Tensor, w: Tensor, shape: torch.Size) -> Tensor:
        columns, image = gz @ _as_matrix(w).T, gz.new_empty(shape)
        self.kernels("gather_windows", image, self.padding, columns, image)
        return image

    def pull_weight(self, lowered: Tensor, gz: Tensor, w: Tensor) -> Tensor:
        grad = lowered.flatten(0, 2).T @ gz.flatten(0, 2)
        return grad.view(3, 3, w.shape[1], w.shape[0]).permute(3, 2, 0, 1)


def _as_matrix(w: Tensor) -> Tensor:
    return w.permute(2, 3, 1, 0).reshape(-1, w.shape[0])
