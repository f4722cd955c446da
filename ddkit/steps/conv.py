"""3x3 convolutions of stride 1 on maps [B, H, W, C]: the three bilinear forms that make up all derivatives.

    convolve(x, w) = z        pull_image(gz, w) = d <gz, z> / d x        pull_weight(x, gz) = d <gz, z> / d w

Each is linear in both arguments, and the derivatives of one are the others, so that a step and its second derivatives
need nothing else. Each accepts several pairs and returns the sum, for the product rule. Autograd's double backward of a
convolution computes some of them as convolutions with kernels as large as the image, which is several times slower on a
CPU.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from ddkit.nets import BlockShape
from ddkit.steps.extents import PANELS, WHOLE, points, whole
from ddkit.steps.native import Kernels
from ddkit.steps.precision import real_of
from ddkit.steps.surroundings import has_matrix_units

FEW_CHANNELS, FEW_WEIGHTS = 4, 32 * 32
"""Largest layers for which ddkit's direct kernels are faster than the library."""

GROUPS = 8
"""Parts of a batch whose weight gradients are summed separately, so that the bits do not depend on the threads."""

Pair = tuple[Tensor, Tensor]


def choose_convolution(shape: BlockShape, kernels: Kernels) -> "Convolution":
    """Choose the form by the layer, the type of maps and the processor's features. A machine always chooses the same.

    - Many channels, in whole panels: Winograd's, which needs 0.5 to 0.75 times the time of the others. (bfloat16 on a
      processor that multiplies its matrices by units of their own, AMX: the library, if the layer is not small.)
    - Otherwise few channels or weights: ddkit's direct kernels. The library's calls would be mostly overhead, and its
      image gradient of a first layer is several times slower.
    - Otherwise: the library.
    """
    panels = shape.channels % PANELS == shape.filters % PANELS == 0
    small = shape.channels * shape.filters <= FEW_WEIGHTS
    if panels and (small or kernels.maps != torch.bfloat16 or not has_matrix_units()):
        return WinogradConvolution(shape, kernels)
    if shape.channels <= FEW_CHANNELS or small:
        return DirectConvolution(shape, kernels)
    return LibraryConvolution(shape)


@runtime_checkable
class Convolution(Protocol):
    """The three forms. `image` and `weight` prepare an operand once, for all forms that use it."""

    def stacked(self, networks: int) -> "Convolution | None":
        """Return the forms for several networks: maps [networks * B, H, W, C], weights [networks, O, C, 3, 3].

        None: there are none.
        """
        ...

    def image(self, x: Tensor) -> Tensor:
        """Prepare a map [B, H, W, C]."""
        ...

    def weight(self, w: Tensor) -> Any:
        """Prepare a weight [O, C, 3, 3]."""
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
    """PyTorch's convolutions. Channels-last maps are not copied."""

    shape: BlockShape

    def stacked(self, networks: int) -> None:
        return None  # its calls are long, so that nothing is gained

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
    """A weight as convolutions.c reads it: [3, 3, C, O rounded up], and flipped for derivatives."""

    along: Tensor
    back: Tensor


@dataclass(frozen=True)
class DirectConvolution:
    """The functions of convolutions.c, which explains the layouts."""

    shape: BlockShape
    kernels: Kernels

    def stacked(self, networks: int) -> "DirectConvolution":
        return replace(self, kernels=self.kernels.stacked(networks))

    def image(self, x: Tensor) -> Tensor:
        return x

    def weight(self, w: Tensor) -> DirectWeight:
        *networks, filters, channels, _, _ = w.shape
        back_size = channels * filters if self._few else filters * whole(channels)
        sizes = [9 * math.prod(networks) * size for size in (channels * whole(filters), back_size)]
        along, back = (w.new_empty(size, dtype=real_of(w.dtype)) for size in sizes)
        w = w.flatten(0, -4)
        self.kernels("direct_weight", w, int(self._few), w, along, back)
        return DirectWeight(along, back)

    def convolve(self, *pairs: tuple[Tensor, DirectWeight]) -> Tensor:
        shape = self.shape
        grow = 2 * shape.padding - 2
        z = pairs[0][0].new_empty(len(pairs[0][0]), shape.height + grow, shape.width + grow, shape.filters)
        for i, (x, w) in enumerate(pairs):
            self.kernels("convolve", x, shape.padding, shape.filters, whole(shape.filters), int(i > 0), x, w.along, z)
        return z

    def pull_image(self, *pairs: tuple[Tensor, DirectWeight]) -> Tensor:
        shape = self.shape
        image = pairs[0][0].new_empty(len(pairs[0][0]), shape.height, shape.width, shape.channels)
        name, stride = ("convolve_few", []) if self._few else ("convolve", [whole(shape.channels)])
        for i, (gz, w) in enumerate(pairs):
            self.kernels(name, gz, 2 - shape.padding, shape.channels, *stride, int(i > 0), gz, w.back, image)
        return image

    def pull_weight(self, *pairs: Pair) -> Tensor:
        shape, (first, gz) = self.shape, pairs[0]
        networks, stride = self.kernels.networks, whole(shape.filters)
        groups = min(GROUPS, len(first) // networks)
        sums = gz.new_zeros(networks * groups, 3, 3, shape.channels, stride, dtype=real_of(gz.dtype))
        for x, gz in pairs:
            self.kernels("pull_weight", x, shape.padding, shape.filters, stride, groups, x, gz, sums)
        return self.kernels.total(sums)[..., : shape.filters].movedim((-1, -2), (-4, -3))

    @property
    def _few(self) -> bool:
        """Whether the image has too few channels to fill a vector, and the map's channels fill whole vectors."""
        return self.shape.channels <= FEW_CHANNELS and self.shape.filters % WHOLE == 0


class WinogradWeight(NamedTuple):
    """A weight as winograd.c reads it: [points, C, O], and flipped for derivatives [points, O, C]."""

    along: Tensor
    back: Tensor


@dataclass(frozen=True)
class WinogradConvolution:
    """The functions of winograd.c and winograd_weights.c; winograd.h explains the layouts.

    The rounding error of float32 and float64 outputs and image gradients is below the library's on wide layers, that of
    weight gradients up to twice it. bfloat16 maps are summed in float32, and rounded once, also for two pairs.
    """

    shape: BlockShape
    kernels: Kernels

    def stacked(self, networks: int) -> "WinogradConvolution":
        return replace(self, kernels=self.kernels.stacked(networks))

    def image(self, x: Tensor) -> Tensor:
        return x

    def weight(self, w: Tensor) -> WinogradWeight:
        w = w.flatten(0, -4)
        size, real = points(w.dtype) * w.numel() // 9, real_of(w.dtype)
        along, back = w.new_empty(size, dtype=real), w.new_empty(size, dtype=real)
        self.kernels("winograd_weight", w, w, along, back)
        return WinogradWeight(along, back)

    def convolve(self, *pairs: tuple[Tensor, WinogradWeight]) -> Tensor:
        shape, grow = self.shape, 2 * self.shape.padding - 2
        size = len(pairs[0][0]), shape.height + grow, shape.width + grow, shape.filters
        return self._convolve(shape.padding, [(x, w.along) for x, w in pairs], size)

    def pull_image(self, *pairs: tuple[Tensor, WinogradWeight]) -> Tensor:
        shape = self.shape
        size = len(pairs[0][0]), shape.height, shape.width, shape.channels
        return self._convolve(2 - shape.padding, [(gz, w.back) for gz, w in pairs], size)

    def pull_weight(self, *pairs: Pair) -> Tensor:
        shape, real = self.shape, real_of(pairs[0][0].dtype)
        networks = () if self.kernels.networks == 1 else (self.kernels.networks,)
        size = (*networks, shape.filters, shape.channels, 3, 3)
        return self._summed("winograd_pull_weight", [shape.padding, shape.filters], pairs, size, real)

    def _convolve(self, pad: int, pairs: Sequence[Pair], size: tuple[int, ...]) -> Tensor:
        return self._summed("winograd", [pad, size[3]], pairs, size, pairs[0][0].dtype)

    def _summed(
        self, name: str, numbers: list[int], pairs: Sequence[Pair], size: tuple[int, ...], dtype: torch.dtype
    ) -> Tensor:
        """Run a kernel that takes one or two pairs, and add its results."""
        parts = []
        for i in range(0, len(pairs), 2):
            part, two = torch.empty(size, dtype=dtype), pairs[i : i + 2]
            self.kernels(name, two[0][0], *numbers, len(two), *two[0], *two[-1], part)
            parts.append(part)
        return _sum(parts)


def _sum(parts: list[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total += part
    return total
