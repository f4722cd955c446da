"""3x3 convolutions of stride 1 on maps [B, H, W, C]: the three bilinear forms that make up all derivatives.

    convolve(x, w) = z        pull_image(gz, w) = d <gz, z> / d x        pull_weight(x, gz) = d <gz, z> / d w

Each is linear in both arguments, and the derivatives of one are the others, so that a step and its second derivatives
need nothing else. Each accepts several pairs and returns the sum, for the product rule. Autograd's double backward of a
convolution computes some of them as convolutions with kernels as large as the image, which is several times slower on a
CPU.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from ddkit.nets import BlockShape
from ddkit.steps.extents import WHOLE
from ddkit.steps.native import Kernels
from ddkit.steps.precision import real_of

FEW_CHANNELS, FEW_WEIGHTS = 4, 32 * 32
"""Largest layers for which ddkit's kernels are chosen on a CPU. On larger layers the library is as fast. On small
layers its calls are mostly overhead (ddkit's need half the time at batch 10), and its image gradient of the first layer
is 3 to 5 times slower."""

GROUPS = 8
"""Parts of a batch whose weight gradients are summed separately, so that the bits do not depend on the threads."""

Pair = tuple[Tensor, Tensor]


def choose_convolution(shape: BlockShape, kernels: Kernels) -> "Convolution":
    """Choose ddkit's convolution for few channels and the library's for many."""
    if shape.channels <= FEW_CHANNELS or shape.channels * shape.filters <= FEW_WEIGHTS:
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
    """A weight in the layouts of the functions in C: for `convolve`, [3, 3, C, O rounded up], and for derivatives."""

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
        w = w.to(real_of(w.dtype))
        back = w.flip(-2, -1).transpose(-4, -3)
        return DirectWeight(_taps(w), back.movedim(-3, -1).contiguous() if self._few else _taps(back))

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
        networks, whole = self.kernels.networks, _whole(shape.filters)
        groups = min(GROUPS, len(first) // networks)
        sums = gz.new_zeros(networks * groups, 3, 3, shape.channels, whole, dtype=real_of(gz.dtype))
        for x, gz in pairs:
            self.kernels("pull_weight", x, shape.padding, shape.filters, whole, groups, x, gz, sums)
        return self.kernels.total(sums)[..., : shape.filters].movedim((-1, -2), (-4, -3))

    @property
    def _few(self) -> bool:
        """Whether the image has too few channels to fill a vector, and the map's channels fill whole vectors."""
        return self.shape.channels <= FEW_CHANNELS and self.shape.filters % WHOLE == 0


def _whole(filters: int) -> int:
    return -(-filters // WHOLE) * WHOLE


def _taps(w: Tensor) -> Tensor:
    """Rearrange [..., O, C, 3, 3] to [..., 3, 3, C, O rounded up]."""
    *networks, filters, channels, _, _ = w.shape
    taps = w.new_zeros(*networks, 3, 3, channels, _whole(filters))
    taps[..., :filters] = w.movedim((-4, -3), (-1, -2))
    return taps


def _sum(parts: list[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total += part
    return total
