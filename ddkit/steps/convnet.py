"""The fused step of the common ConvNet: blocks of [3x3 convolution, norm, ReLU, 2x2 average pooling].

It is forward over reverse differentiation, written by hand. A gradient is one forward pass up the blocks and one
backward pass down. Its derivative along a direction `a` is the same two passes for the tangents, with the maps of the
first passes. A tape has one full-size map for each block (the convolution's output) instead of a dozen. With instance
norm, nothing between two convolutions leaves the cache.

The images of a batch interact only in the final sums, so large batches are processed in chunks: the maps of a chunk
stay in the cache, and memory does not grow with the batch. With batch norm all images interact, so the whole batch is
one chunk. Instance and batch norm remove the convolution's bias, so it is not added; its gradient is 0 (autograd
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
from ddkit.steps.norm import EPS, Norm
from ddkit.steps.passes import Layer, OfWeights, Passes, Weights, bias_gradient
from ddkit.steps.precision import real_of
from ddkit.steps.step import Gradient, Product


@dataclass(frozen=True, eq=False)
class _Tape:
    """The tape of a chunk: layers, features, class probabilities, d loss / d logits, and labels / B."""

    layers: list[Layer]
    features: Tensor
    probabilities: Tensor
    residual: Tensor
    share: Tensor

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
        self._net, self._norm, self._maps, self._convolutions = net, norm, maps, convolutions
        self._passes = Passes(blocks, convolutions)
        self._real = real_of(maps)
        image = max(s.filters * s.height * s.width * maps.itemsize for s in shapes)
        self._chunk = sys.maxsize if norm.whole_batch else max(1, chunk // image)

    def logits(self, theta: Tensor, x: Tensor) -> Tensor:
        blocks, head, bias = self._weights(theta)
        last = (self._passes.up(blocks, images)[0] for images in self._maps_of(x))
        return torch.cat([torch.addmm(bias, _features(p, head), head.T) for p in last])

    def gradient(self, theta: Tensor, x: Tensor, y: Tensor, keep: bool = False) -> Gradient:
        weights, tapes = self._weights(theta), []
        loss = total = None
        for chunk in self._chunks(x, y):
            part, value, tape = self._chunk_gradient(weights, *chunk)
            loss, total = _plus(loss, value), _plus(total, part)
            if keep:
                tapes.append(tape)
        assert loss is not None and total is not None
        return Gradient(loss, total, tapes or None, sum(tape.nbytes for tape in tapes))

    def train(self, theta: Tensor, x: Tensor, y: Tensor, stats: Stats) -> Gradient:
        """Compute the gradient, and move the running statistics of batch norms as `FlatNet.train` does."""
        found = self.gradient(theta, x, y, keep=self._norm.whole_batch)
        if self._norm.whole_batch:
            self._net.move_stats(stats, self._moments(theta, found.tape[0].layers))
        return Gradient(found.loss, found.theta)

    def product(self, theta: Tensor, x: Tensor, y: Tensor, a: Tensor, tape: Any = None) -> Product:
        weights, tangents = self._weights(theta), self._weights(a, scale=0.0)
        total, images, labels, at = None, torch.empty_like(x), [], 0
        for own in tape or (self._chunk_gradient(weights, *chunk)[2] for chunk in self._chunks(x, y)):
            part, image, label = self._chunk_product(weights, tangents, own)
            total = _plus(total, part)
            images[at : at + len(image)] = image.permute(0, 3, 1, 2)
            labels.append(label)
            at += len(image)
        assert total is not None
        return Product(total, images, torch.cat(labels) / len(x) if y.is_floating_point() else None)

    def slope(self, theta: Tensor, x: Tensor) -> tuple[Tensor, Any]:
        weights = self._weights(theta)
        parts = [self._chunk_slope(weights, images) for images in self._maps_of(x)]
        return torch.cat([slope.permute(0, 3, 1, 2) for slope, _ in parts]), [layers for _, layers in parts]

    def slope_product(self, theta: Tensor, v: Tensor, tape: Any) -> Tensor:
        weights = self._weights(theta)
        parts = [self._chunk_slope_product(weights, *own) for own in zip(self._maps_of(v), tape, strict=True)]
        return torch.stack(parts).sum(0)

    def _moments(self, theta: Tensor, layers: list[Layer]) -> list[tuple[Tensor, Tensor]]:
        """Return mean and unbiased variance of each batch norm's input, which has the convolution's bias."""
        biases = list(self._net.unflatten(theta).values())[1:-2:4]
        counts = [layer.z[..., 0].numel() for layer in layers]
        return [
            (mean[0] + bias, (rstd[0] ** -2 - EPS) * (count / (count - 1)))
            for bias, count, (mean, rstd) in zip(biases, counts, (layer.stats for layer in layers), strict=True)
        ]

    def _chunks(self, x: Tensor, y: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return chunks of channels-last images, and of their labels as probabilities / B."""
        soft = (y if y.is_floating_point() else torch.nn.functional.one_hot(y, self._net.classes)).to(self._real)
        return list(zip(self._maps_of(x), self._split(soft / len(x)), strict=True))

    def _maps_of(self, x: Tensor) -> list[Tensor]:
        """Return images [B, C, H, W] as channels-last maps, in chunks."""
        if x.shape[1:] != self._net.shape:
            raise ValueError(f"images must be [B, {', '.join(map(str, self._net.shape))}], got {list(x.shape)}")
        return self._split(x.permute(0, 2, 3, 1).to(self._maps).contiguous())

    def _split(self, batch: Tensor) -> list[Tensor]:
        return [batch] if len(batch) <= self._chunk else list(batch.split(self._chunk))

    def _weights(self, theta: Tensor, scale: float = 1.0) -> tuple[list[Weights], Tensor, Tensor]:
        """Return (the parameters of each block, head weight, head bias). `scale` is gamma where there is no norm."""
        if theta.dtype != self._real or len(theta) != self._net.parameters:  # the C kernels would read beyond the end
            raise ValueError(
                f"parameters must be {self._real} [{self._net.parameters}] with maps of {self._maps}, "
                f"got {theta.dtype} {list(theta.shape)}"
            )
        *parts, head, bias = self._net.unflatten(theta.contiguous()).values()
        each, layers = len(parts) // len(self._convolutions), []
        for i, convolution in enumerate(self._convolutions):
            w, shift, *scales = parts[each * i : each * (i + 1)]
            gamma, beta = scales or (torch.full_like(shift, scale), shift)
            kept = shift if scales and not self._norm.removes_bias else None
            layers.append(Weights(convolution.weight(w.to(self._maps)), kept, gamma, beta))
        return layers, head, bias

    def _flat(self, head: list[Tensor], blocks: list[OfWeights]) -> Tensor:
        """Concatenate the gradients of the head (bias, weight) and of the blocks, from the last one down, to one vector
        in theta's order."""
        parts = list(head)
        for w, bias, gamma, beta in blocks:
            normed = [gamma, torch.zeros_like(beta) if bias is None else bias]
            parts += [beta, *(normed if self._norm.together else []), w]
        return torch.cat([part.reshape(-1).to(self._real) for part in reversed(parts)])

    def _chunk_gradient(self, weights: Any, x: Tensor, share: Tensor) -> tuple[Tensor, Tensor, _Tape]:
        blocks, head, bias = weights
        p, walked = self._passes.up(blocks, x)
        features = _features(p, head)
        log_p = torch.log_softmax(torch.addmm(bias, features, head.T), dim=1)
        probabilities = log_p.exp()
        residual = probabilities * share.sum(1, keepdim=True) - share
        layers, below = [], []
        down = self._passes.down(blocks, walked, _as_map(residual @ head, p))
        for own, (convolution, layer, gz, of_norm) in zip(reversed(blocks), down, strict=True):
            layers.append(layer)
            below.append(OfWeights(convolution.pull_weight((layer.image, gz)), bias_gradient(own, gz), *of_norm))
        tape = _Tape(layers[::-1], features, probabilities, residual, share)
        return self._flat([residual.sum(0), residual.T @ features], below), -(share * log_p).sum(), tape

    def _chunk_product(self, weights: Any, tangents: Any, tape: _Tape) -> tuple[Tensor, Tensor, Tensor]:
        """Return (d (g . a) / d theta, d / d images channels last, d / d labels before the division by B)."""
        (blocks, head, _), (blocks_t, head_t, bias_t) = weights, tangents
        pt, walked = self._passes.up_tangent(blocks, blocks_t, tape.layers, None)
        features_t = _features(pt, head)
        logits_t = torch.addmm(bias_t, features_t, head.T).addmm(tape.features, head_t.T)
        centred = logits_t - (tape.probabilities * logits_t).sum(1, keepdim=True)
        residual_t = tape.probabilities * centred * tape.share.sum(1, keepdim=True)
        of_head = [residual_t.sum(0), (residual_t.T @ tape.features).addmm(tape.residual.T, features_t)]
        gpt = _as_map((residual_t @ head).addmm(tape.residual, head_t), pt)
        below, gpt = self._passes.down_tangent(blocks, blocks_t, tape.layers, walked, gpt)
        return self._flat(of_head, below), gpt, -centred

    def _chunk_slope(self, weights: Any, x: Tensor) -> tuple[Tensor, list[Layer]]:
        """Return (d (sum of all logits) / d images, the layers from the first on)."""
        blocks, head, _ = weights
        p, walked = self._passes.up(blocks, x)
        gp, layers = _as_map(head.sum(0).expand(len(x), -1), p), []
        for convolution, layer, gz, _ in self._passes.down(blocks, walked, gp):
            layers.append(layer)
            first, pulled = convolution, gz
        return first.pull_image((pulled, blocks[0].w)), layers[::-1]

    def _chunk_slope_product(self, weights: Any, v: Tensor, layers: list[Layer]) -> Tensor:
        """Return d (slope . v) / d theta: the tangents of the parameters' gradients as the images move along v."""
        blocks, head, bias = weights
        still = [own.still for own in blocks]
        pt, walked = self._passes.up_tangent(blocks, still, layers, v)
        of_head = _features(pt, head).sum(0).expand_as(head)
        below, _ = self._passes.down_tangent(blocks, still, layers, walked, torch.zeros_like(pt))
        return self._flat([torch.zeros_like(bias), of_head], below)


def _features(p: Tensor, head: Tensor) -> Tensor:
    """Flatten a map [B, H, W, C] to features [B, C H W] in the head's dtype."""
    return p.permute(0, 3, 1, 2).flatten(1).to(head.dtype)


def _as_map(features: Tensor, like: Tensor) -> Tensor:
    """Reshape features [B, C H W] to a map like `like` [B, H, W, C]."""
    b, h, w, c = like.shape
    return features.view(b, c, h, w).permute(0, 2, 3, 1).to(like.dtype).contiguous()


def _plus(total: Tensor | None, part: Tensor) -> Tensor:
    """Add a chunk's part in place. The first part is the total."""
    return part if total is None else total.add_(part)
