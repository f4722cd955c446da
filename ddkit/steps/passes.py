"""The four passes through the blocks of a ConvNet: forward, backward, and the tangents of both.

`blocks` are the parameters of each block: (prepared convolution, gamma, beta). `blocks_t` are their tangents.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ddkit.steps.blocks import Blocks
from ddkit.steps.conv import Convolution


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
    """The passes of one network, with the kernels `kernels` and a convolution for each block."""

    def __init__(self, kernels: Blocks, convolutions: list[Convolution]) -> None:
        self._kernels, self._convolutions = kernels, convolutions

    @property
    def convolutions(self) -> list[Convolution]:
        """Those of the blocks, which prepare the weights."""
        return self._convolutions

    def stacked(self, networks: int) -> "Passes | None":
        """Return `up` and `down` of several networks, whose images follow each other; None if there are none."""
        kernels = self._kernels.stacked(networks)
        convolutions = [stack for own in self._convolutions if (stack := own.stacked(networks)) is not None]
        whole = len(convolutions) == len(self._convolutions)
        return Passes(kernels, convolutions) if kernels is not None and whole else None

    def up(self, blocks: Any, x: Tensor) -> tuple[Tensor, list[Any]]:
        """Return the last map, and each block's (prepared input, convolution's output, statistics)."""
        walked, p = [], x
        for convolution, (w, gamma, beta) in zip(self._convolutions, blocks, strict=True):
            image = convolution.image(p)
            z = convolution.convolve((image, w))
            p, stats = self._kernels.forward(z, gamma, beta)
            walked.append((image, z, stats))
        return p, walked

    def down(self, blocks: Any, walked: list[Any], gp: Tensor) -> Iterator[tuple[Convolution, Layer, Tensor, Any]]:
        """Give, from the last block to the first, its convolution, the layer, d / d z, and d / d (beta, gamma).

        `gp` is d / d (last map).
        """
        for i in reversed(range(len(blocks))):
            convolution, (w, gamma, beta), (image, z, stats) = self._convolutions[i], blocks[i], walked[i]
            gz, *of_norm = self._kernels.backward(z, gp, gamma, beta, stats)
            yield convolution, Layer(image, z, stats, gp), gz, of_norm
            if i:
                gp = convolution.pull_image((gz, w))

    def up_tangent(
        self, blocks: Any, blocks_t: Any, layers: list[Layer], pt: Tensor | None
    ) -> tuple[Tensor, list[Any]]:
        """Return the tangent of the last map as the parameters move along `blocks_t` and the images along `pt`.

        A None for a convolution or for the images means that they do not move.
        """
        walked: list[Any] = []
        for convolution, layer, (w, gamma, beta), (wt, gamma_t, beta_t) in zip(
            self._convolutions, layers, blocks, blocks_t, strict=True
        ):
            through_image = [] if wt is None else [(layer.image, wt)]
            through_w = [] if pt is None else [(convolution.image(pt), w)]
            zt = convolution.convolve(*through_image, *through_w)
            pt, stats_t = self._kernels.forward_tangent(layer.z, zt, gamma, beta, gamma_t, beta_t, layer.stats)
            walked.append(([image_t for image_t, _ in through_w], zt, stats_t))
        assert pt is not None
        return pt, walked

    def down_tangent(
        self, blocks: Any, blocks_t: Any, layers: list[Layer], walked: list[Any], gpt: Tensor
    ) -> tuple[list[Tensor], Tensor]:
        """Return (tangents of the blocks' gradients, from the last block down; tangent of d / d images)."""
        gradients = []
        for i in reversed(range(len(blocks))):
            convolution, layer = self._convolutions[i], layers[i]
            (w, gamma, beta), (wt, gamma_t, _), (image_t, zt, stats_t) = blocks[i], blocks_t[i], walked[i]
            gz, gzt, h_beta, h_gamma = self._kernels.backward_tangent(
                layer.z, zt, layer.gp, gpt, gamma, beta, gamma_t, layer.stats, stats_t
            )
            h_w = convolution.pull_weight((layer.image, gzt), *((image, gz) for image in image_t))
            gradients += [h_beta, h_gamma, torch.zeros_like(gamma), h_w]
            gpt = convolution.pull_image((gzt, w), *([] if wt is None else [(gz, wt)]))
        return gradients, gpt
