"""The four passes through the blocks of a ConvNet: forward, backward, and the tangents of both.

`blocks` are the parameters of each block, and `blocks_t` their tangents.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ddkit.steps.blocks import Blocks
from ddkit.steps.conv import Convolution


class Weights(NamedTuple):
    """The parameters of one block. `w` is prepared by its convolution. A None has no effect; in a tangent, it does not
    move."""

    w: Any
    bias: Tensor | None
    gamma: Tensor
    beta: Tensor

    @property
    def still(self) -> "Weights":
        """The tangent of parameters that do not move."""
        return Weights(None, None, torch.zeros_like(self.gamma), torch.zeros_like(self.beta))


class OfWeights(NamedTuple):
    """Gradients of the parameters of one block. A None stands for 0."""

    w: Tensor
    bias: Tensor | None
    gamma: Tensor
    beta: Tensor


@dataclass(frozen=True, eq=False)
class Layer:
    """The tensors of one block: prepared input, the convolution's output, statistics, and d loss / d output."""

    image: Tensor
    z: Tensor
    stats: tuple[Tensor, ...]
    gp: Tensor

    @property
    def nbytes(self) -> int:
        return sum(t.nbytes for t in (self.image, self.z, self.gp, *self.stats))


class Passes:
    """The passes of one network. `convolutions`, one for each block, also prepare the weights."""

    def __init__(self, kernels: Blocks, convolutions: list[Convolution]) -> None:
        self._kernels, self.convolutions = kernels, convolutions

    def stacked(self, networks: int) -> "Passes | None":
        """Return `up` and `down` of several networks, whose images follow each other; None if there are none."""
        kernels = self._kernels.stacked(networks)
        convolutions = [stack for own in self.convolutions if (stack := own.stacked(networks)) is not None]
        whole = len(convolutions) == len(self.convolutions)
        return Passes(kernels, convolutions) if kernels is not None and whole else None

    def up(self, blocks: list[Weights], x: Tensor) -> tuple[Tensor, list[Any]]:
        """Return the last map, and each block's (prepared input, convolution's output, statistics)."""
        walked, p = [], x
        for convolution, own in zip(self.convolutions, blocks, strict=True):
            image = convolution.image(p)
            z = _shifted(convolution.convolve((image, own.w)), own.bias)
            p, stats = self._kernels.forward(z, own.gamma, own.beta)
            walked.append((image, z, stats))
        return p, walked

    def down(
        self, blocks: list[Weights], walked: list[Any], gp: Tensor
    ) -> Iterator[tuple[Convolution, Layer, Tensor, tuple[Tensor, Tensor]]]:
        """Give, from the last block to the first, its convolution, the layer, d / d z, and d / d (gamma, beta).

        `gp` is d / d (last map).
        """
        for i in reversed(range(len(blocks))):
            convolution, own, (image, z, stats) = self.convolutions[i], blocks[i], walked[i]
            gz, g_beta, g_gamma = self._kernels.backward(z, gp, own.gamma, own.beta, stats)
            yield convolution, Layer(image, z, stats, gp), gz, (g_gamma, g_beta)
            if i:
                gp = convolution.pull_image((gz, own.w))

    def gradients(self, blocks: list[Weights], walked: list[Any], gp: Tensor) -> tuple[list[Layer], list[OfWeights]]:
        """Return (the layers, the blocks' gradients from the last block down)."""
        layers, gradients = [], []
        down = self.down(blocks, walked, gp)
        for own, (convolution, layer, gz, (g_gamma, g_beta)) in zip(reversed(blocks), down, strict=True):
            layers.append(layer)
            g_w = convolution.pull_weight((layer.image, gz))
            gradients.append(OfWeights(g_w, _bias_gradient(own, gz), g_gamma, g_beta))
        return layers[::-1], gradients

    def up_tangent(
        self, blocks: list[Weights], blocks_t: list[Weights], layers: list[Layer], pt: Tensor | None
    ) -> tuple[Tensor, list[Any]]:
        """Return the tangent of the last map as the parameters move along `blocks_t` and the images along `pt`.

        A None for the images means that they do not move.
        """
        walked: list[Any] = []
        for convolution, layer, own, own_t in zip(self.convolutions, layers, blocks, blocks_t, strict=True):
            through_image = [] if own_t.w is None else [(layer.image, own_t.w)]
            through_w = [] if pt is None else [(convolution.image(pt), own.w)]
            zt = _shifted(convolution.convolve(*through_image, *through_w), own_t.bias)
            pt, stats_t = self._kernels.forward_tangent(
                layer.z, zt, own.gamma, own.beta, own_t.gamma, own_t.beta, layer.stats
            )
            walked.append(([image_t for image_t, _ in through_w], zt, stats_t))
        assert pt is not None
        return pt, walked

    def down_tangent(
        self, blocks: list[Weights], blocks_t: list[Weights], layers: list[Layer], walked: list[Any], gpt: Tensor
    ) -> tuple[list[OfWeights], Tensor]:
        """Return (tangents of the blocks' gradients, from the last block down; tangent of d / d images)."""
        gradients = []
        for i in reversed(range(len(blocks))):
            convolution, layer, own, own_t = self.convolutions[i], layers[i], blocks[i], blocks_t[i]
            image_t, zt, stats_t = walked[i]
            gz, gzt, h_beta, h_gamma = self._kernels.backward_tangent(
                layer.z, zt, layer.gp, gpt, own.gamma, own.beta, own_t.gamma, layer.stats, stats_t
            )
            h_w = convolution.pull_weight((layer.image, gzt), *((image, gz) for image in image_t))
            gradients.append(OfWeights(h_w, _bias_gradient(own, gzt), h_gamma, h_beta))
            gpt = convolution.pull_image((gzt, own.w), *([] if own_t.w is None else [(gz, own_t.w)]))
        return gradients, gpt


def _bias_gradient(own: Weights, gz: Tensor) -> Tensor | None:
    """d / d bias of a convolution, given d / d (its output)."""
    return None if own.bias is None else gz.sum((0, 1, 2), dtype=own.gamma.dtype)


def _shifted(z: Tensor, bias: Tensor | None) -> Tensor:
    """Add a bias to a convolution's output, in place."""
    return z if bias is None else z.add_(bias.to(z.dtype))
