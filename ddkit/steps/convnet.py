"""The fused step of the common ConvNet: blocks of [3x3 convolution, norm, ReLU, 2x2 average pooling].

It is forward over reverse differentiation, written by hand. A gradient is one forward pass up the blocks and one
backward pass down. Its derivative along a direction `a` is the same two passes for the tangents, with the maps of the
first passes. A tape has one full-size map for each block (the convolution's output) instead of a dozen. With instance
norm, nothing between two convolutions leaves the cache.

With batch norm all images of a batch interact, so the whole batch is one chunk. With other norms they meet only in the
final sums, so large batches are processed in chunks: the maps of a chunk stay in the cache, and memory does not grow
with the batch. Instance and batch norm remove the convolution's bias, so it is not added; its gradient is 0 (autograd
returns rounding noise there).
"""

import sys
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from ddkit.nets import BlockShape, FlatNet, Stats
from ddkit.steps.blocks import Blocks
from ddkit.steps.conv import Convolution
from ddkit.steps.head import Head, as_map, features_of
from ddkit.steps.layout import Layout
from ddkit.steps.norm import Norm
from ddkit.steps.passes import Layer, Passes
from ddkit.steps.precision import real_of
from ddkit.steps.stack import networks_at_once, stacked_gradient
from ddkit.steps.step import Gradient, Product


@dataclass(frozen=True, eq=False)
class _Tape:
    """The tape of a chunk."""

    layers: list[Layer]
    top: Head

    @property
    def nbytes(self) -> int:
        return sum(layer.nbytes for layer in self.layers)


@final
class ConvNetStep:
    """See `ddkit.steps.Step`. Maps have the dtype `maps`; parameters, their gradients and the head have theta's.

    `norm` is that of `blocks`. `chunk` is the largest size of a chunk's maps, in bytes.
    """

    fused: ClassVar[bool] = True

    def __init__(
        self,
        net: FlatNet,
        shapes: list[BlockShape],
        norm: Norm,
        maps: torch.dtype,
        blocks: Blocks,
        convolutions: list[Convolution],
        chunk: int,
    ) -> None:
        self._net, self._maps = net, maps
        self._layout, self._passes = Layout(net, norm, convolutions, maps), Passes(blocks, convolutions)
        self._real = real_of(maps)
        self._image = max(s.filters * s.height * s.width * maps.itemsize for s in shapes)
        self._chunk = sys.maxsize if norm.whole_batch else max(1, chunk // self._image)

    def logits(self, theta: Tensor, x: Tensor) -> Tensor:
        blocks, head, bias = self._layout.weights(theta)
        last = (self._passes.up(blocks, images)[0] for images in self._maps_of(x))
        return torch.cat([torch.addmm(bias, features_of(p, head), head.T) for p in last])

    def gradient(self, theta: Tensor, x: Tensor, y: Tensor, keep: bool = False) -> Gradient:
        weights, tapes = self._layout.weights(theta), []
        loss = total = None
        for chunk in self._chunks(x, y):
            part, value, tape = self._chunk_gradient(weights, *chunk)
            loss, total = _plus(loss, value), _plus(total, part)
            if keep:
                tapes.append(tape)
        assert loss is not None and total is not None
        return Gradient(loss, total, tapes or None, sum(tape.nbytes for tape in tapes))

    def gradients(self, theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return self.train(theta, x, y, {})

    def train(self, theta: Tensor, x: Tensor, y: Tensor, stats: Stats) -> Tensor:
        """Compute `gradients`, and move the running statistics [n, C] of batch norms as `FlatNet.train` does."""
        at_once, parts = networks_at_once(self._passes, self._image * x.shape[1]), []
        for first in range(0, len(theta), at_once):
            own = slice(first, first + at_once)
            part, layers = self._gradients(theta[own], x[own], y[own], bool(stats))
            parts.append(part)
            if stats:
                moving = {name: values[own] for name, values in stats.items()}
                self._net.move_stats(moving, self._layout.moments(theta[own], layers))
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _gradients(self, theta: Tensor, x: Tensor, y: Tensor, keep: bool) -> tuple[Tensor, list[Layer]]:
        """Return the gradients [n, P] of some networks in one pass, and (if `keep`) their layers."""
        if len(theta) == 1:
            found = self.gradient(theta[0], x[0], y[0], keep)
            return found.theta[None], found.tape[0].layers if keep else []
        share = self._shares(y, x.shape[1])
        return stacked_gradient(self._passes, self._layout, theta, self._map_of(x.flatten(0, 1)), share)

    def product(self, theta: Tensor, x: Tensor, y: Tensor, a: Tensor, tape: Any = None) -> Product:
        weights, tangents = self._layout.weights(theta), self._layout.weights(a, scale=0.0)
        total, images, labels, at = None, torch.empty_like(x), [], 0
        for own in tape or (self._chunk_gradient(weights, *chunk)[2] for chunk in self._chunks(x, y)):
            part, image, label = self._chunk_product(weights, tangents, own)
            total = _plus(total, part)
            images[at : at + len(image)] = image.permute(0, 3, 1, 2)
            labels.append(label)
            at += len(image)
        assert total is not None
        return Product(total, images, torch.cat(labels) / -len(x) if y.is_floating_point() else None)

    def slope(self, theta: Tensor, x: Tensor) -> tuple[Tensor, Any]:
        weights = self._layout.weights(theta)
        parts = [self._chunk_slope(weights, images) for images in self._maps_of(x)]
        return torch.cat([slope.permute(0, 3, 1, 2) for slope, _ in parts]), [layers for _, layers in parts]

    def slope_product(self, theta: Tensor, v: Tensor, tape: Any) -> Tensor:
        weights = self._layout.weights(theta)
        parts = [self._chunk_slope_product(weights, *own) for own in zip(self._maps_of(v), tape, strict=True)]
        return torch.stack(parts).sum(0)

    def _chunks(self, x: Tensor, y: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return chunks of channels-last images, and of their labels as probabilities / B."""
        return list(zip(self._maps_of(x), self._split(self._shares(y, len(x))), strict=True))

    def _shares(self, y: Tensor, count: int) -> Tensor:
        """Return labels as probabilities [..., K], divided by the size of a batch.

        Raises:
            ValueError: the labels are not `count` classes, or `count` rows of probabilities.
        """
        soft = y.is_floating_point()
        expected = (count, self._net.classes) if soft else (count,)
        if y.shape[-len(expected) :] != expected:  # one row, or one column, would be broadcast
            raise ValueError(f"labels must be {list(expected)}, got {list(y.shape)}")
        if soft:
            return y.to(self._real) / count
        shares = torch.eye(self._net.classes, dtype=self._real, device=y.device) / count
        return shares.index_select(0, y.flatten()).view(*y.shape, -1)

    def _maps_of(self, x: Tensor) -> list[Tensor]:
        """Return images [B, C, H, W] as channels-last maps, in chunks."""
        return self._split(self._map_of(x))

    def _split(self, batch: Tensor) -> list[Tensor]:
        return [batch] if len(batch) <= self._chunk else list(batch.split(self._chunk))

    def _map_of(self, x: Tensor) -> Tensor:
        """Return images [B, C, H, W] as one channels-last map."""
        if x.shape[1:] != self._net.shape:
            raise ValueError(f"images must be [B, {', '.join(map(str, self._net.shape))}], got {list(x.shape)}")
        return x.permute(0, 2, 3, 1).to(self._maps).contiguous()

    def _chunk_gradient(self, weights: Any, x: Tensor, share: Tensor) -> tuple[Tensor, Tensor, _Tape]:
        blocks, head, bias = weights
        p, walked = self._passes.up(blocks, x)
        top = Head.of(p, head, bias, share)
        layers, below = self._passes.gradients(blocks, walked, as_map(top.residual @ head, p))
        return self._layout.flat(top.gradients(), below), -(share * top.log_p).sum(), _Tape(layers, top)

    def _chunk_product(self, weights: Any, tangents: Any, tape: _Tape) -> tuple[Tensor, Tensor, Tensor]:
        """Return (d (g . a) / d theta, d / d images channels last, d / d labels before the division by -B)."""
        (blocks, head, _), (blocks_t, head_t, bias_t), top = weights, tangents, tape.top
        pt, walked = self._passes.up_tangent(blocks, blocks_t, tape.layers, None)
        features_t = features_of(pt, head)
        logits_t = torch.addmm(bias_t, features_t, head.T).addmm(top.features, head_t.T)
        centred = logits_t - (top.probabilities * logits_t).sum(1, keepdim=True)
        residual_t = top.probabilities * centred * top.mass
        of_head = [residual_t.sum(0), (residual_t.T @ top.features).addmm(top.residual.T, features_t)]
        gpt = as_map((residual_t @ head).addmm(top.residual, head_t), pt)
        below, gpt = self._passes.down_tangent(blocks, blocks_t, tape.layers, walked, gpt)
        return self._layout.flat(of_head, below), gpt, centred

    def _chunk_slope(self, weights: Any, x: Tensor) -> tuple[Tensor, list[Layer]]:
        """Return (d (sum of all logits) / d images, the layers from the first on)."""
        blocks, head, _ = weights
        p, walked = self._passes.up(blocks, x)
        gp, layers = as_map(head.sum(0).expand(len(x), -1), p), []
        for convolution, layer, gz, _ in self._passes.down(blocks, walked, gp):
            layers.append(layer)
            first, pulled = convolution, gz
        return first.pull_image((pulled, blocks[0].w)), layers[::-1]

    def _chunk_slope_product(self, weights: Any, v: Tensor, layers: list[Layer]) -> Tensor:
        """Return d (slope . v) / d theta: the tangents of the parameters' gradients as the images move along v."""
        blocks, head, bias = weights
        still = [own.still for own in blocks]
        pt, walked = self._passes.up_tangent(blocks, still, layers, v)
        of_head = features_of(pt, head).sum(0).expand_as(head)
        below, _ = self._passes.down_tangent(blocks, still, layers, walked, torch.zeros_like(pt))
        return self._layout.flat([torch.zeros_like(bias), of_head], below)


def _plus(total: Tensor | None, part: Tensor) -> Tensor:
    """Add a chunk's part in place. The first part is the total."""
    return part if total is None else total.add_(part)
