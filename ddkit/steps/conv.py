"""3x3 convolutions of stride 1 on maps [B, H, W, C]: the three bilinear forms that all derivatives consist of.

    convolve(x, w) = z        pull_image(gz, w) = d <gz, z> / d x        pull_weight(x, gz) = d <gz, z> / d w

Each is linear in either argument and the derivative of one is made of the others, so that a step and its second
derivatives need nothing else. They take several pairs and give the sum, which is what the product rule asks for.
Autograd's own double backward of a convolution runs some of them as convolutions with kernels as large as the image,
which is several times slower on a CPU.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from ddkit.nets import BlockShape
from ddkit.steps.extents import WHOLE
from ddkit.steps.native import Kernels
from ddkit.steps.precision import real_of

FEW_CHANNELS, FEW_WEIGHTS = 4, 32 * 32
"""Up to these our kernels are chosen on a CPU. At batches of 64 the library is as fast on larger layers; a call of it
is mostly overhead on small ones (batch 10, 16 or 32 channels: ours takes half the time), and its image gradient is 3 to
5 times slower on the first. A gradient of ConvNet-D3/16 on 64 images of 1x28x28 takes 6.8 ms, with matrix products of
copied windows, as before, 13.2 ms; along a direction 12.4 and 22.9 ms. (One thread of an AMD EPYC with AVX-512,
medians of 30, torch 2.14.)"""

GROUPS = 8
"""Parts of a batch whose weight gradients are summed apart, so that threads may share them and change no bit."""

Pair = tuple[Tensor, Tensor]


def choose_convolution(shape: BlockShape, kernels: Kernels) -> "Convolution":
    """Ours for few channels, the library's for many."""
    if shape.channels <= FEW_CHANNELS or shape.channels * shape.filters <= FEW_WEIGHTS:
        return DirectConvolution(shape, kernels)
    return LibraryConvolution(shape)


@runtime_checkable
class Convolution(Protocol):
    """`image` and `weight` prepare an operand once; the prepared form serves every form that reads it."""

    def image(self, x: Tensor) -> Tensor:
        """From a map [B, H, W, C]."""
        ...

    def weight(self, w: Tensor) -> Any:
        """From [O, C, 3, 3]."""
        ...

    def convolve(self, *pairs: Any) -> Tensor:
        """(image, weight) ... -> [B, H', W', O]"""
        ...

    def pull_image(self, *pairs: Any) -> Tensor:
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
        pulled: tuple[Tensor, ...] = torch.ops.aten.convolution_backward(
            gz.permute(0, 3, 1, 2), x, w, None, [1, 1], padding, [1, 1], False, [0, 0], 1, mask
        )
        return pulled[which]


class DirectWeight(NamedTuple):
    """One kernel as the functions in C read it: for images, [3, 3 C, F up to whole vectors], and for derivatives."""

    along: Tensor
    back: Tensor


@dataclass(frozen=True)
class DirectConvolution:
    """The functions of convolutions.c, where the layouts are explained."""

    shape: BlockShape
    kernels: Kernels

    def image(self, x: Tensor) -> Tensor:
        return x

    def weight(self, w: Tensor) -> DirectWeight:
        w = w.to(real_of(w.dtype))
        back = w.flip(2, 3).transpose(0, 1)
        return DirectWeight(_taps(w), back.permute(0, 2, 3, 1).contiguous() if self._few else _taps(back))

    def convolve(self, *pairs: tuple[Tensor, DirectWeight]) -> Tensor:
        shape = self.shape
        grow = 2 * shape.padding - 2
        z = pairs[0][0].new_empty(len(pairs[0][0]), shape.height + grow, shape.width + grow, shape.filters)
        for i, (x, w) in enumerate(pairs):
            self.kernels("convolve", x, shape.padding, shape.filters, _whole(shape.filters), int(i > 0), x, w.along, z)
        return z

    def pull_image(self, *pairs: tuple[Tensor, DirectWeight]) -> Tensor:
        shape = self.shape
        image = pairs[0][0].new_empty(len(pairs[0][0]), shape.height, shape.width, shape.channels)
        name, whole = ("convolve_few", []) if self._few else ("convolve", [_whole(shape.channels)])
        for i, (gz, w) in enumerate(pairs):
            self.kernels(name, gz, 2 - shape.padding, shape.channels, *whole, int(i > 0), gz, w.back, image)
        return image

    def pull_weight(self, *pairs: Pair) -> Tensor:
        shape, (first, gz) = self.shape, pairs[0]
        groups, whole = min(GROUPS, len(first)), _whole(shape.filters)
        sums = gz.new_zeros(groups, 3, 3, shape.channels, whole, dtype=real_of(gz.dtype))
        for x, gz in pairs:
            self.kernels("pull_weight", x, shape.padding, shape.filters, whole, groups, x, gz, sums)
        return sums.sum(0)[..., : shape.filters].permute(3, 2, 0, 1)

    @property
    def _few(self) -> bool:
        """Whether an image's derivative has too few channels to fill a vector, and the map whole vectors of them."""
        return self.shape.channels <= FEW_CHANNELS and self.shape.filters % WHOLE == 0


def _whole(filters: int) -> int:
    return -(-filters // WHOLE) * WHOLE


def _taps(w: Tensor) -> Tensor:
    """[O, C, 3, 3] -> [3, 3, C, O rounded up]"""
    taps = w.new_zeros(3, 3, w.shape[1], _whole(len(w)))
    taps[..., : len(w)] = w.permute(2, 3, 1, 0)
    return taps


def _sum(parts: list[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total += part
    return total
