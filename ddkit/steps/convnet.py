"""The fused step of the common ConvNet: blocks of [3x3 convolution, instance norm, ReLU, 2x2 average pooling].

It is forward over reverse differentiation, written by hand. A gradient is one forward pass up the blocks and one
backward pass down. Its derivative along a direction `a` is the same two passes for the tangents, with the maps of the
first passes. Nothing between two convolutions leaves the cache, and a tape has one full-size map for each block (the
convolution's output) instead of a dozen.

The images of a batch interact only in the final sums, so large batches are processed in chunks: the maps of a chunk
stay in the cache, and memory does not grow with the batch. The convolution's bias is not added, since instance norm
removes it; its gradient is 0 (autograd returns rounding noise there).
"""

from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from ddkit.nets import BlockShape, FlatNet
from ddkit.steps.blocks import Blocks
from ddkit.steps.conv import Convolution
from ddkit.steps.head import Head, as_map, features_of
from ddkit.steps.passes import Layer, Passes
from ddkit.steps.precision import real_of
from ddkit.steps.stack import networks_at_once, stacked_gradient
from ddkit.steps.step import Gradient, Product, one_by_one


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

    `chunk` is the largest size of a chunk's maps, in bytes.
    """

    fused: ClassVar[bool] = True

    def __init__(
        self,
        net: FlatNet,
        shapes: list[BlockShape],
        maps: torch.dtype,
        blocks: Blocks,
        convolutions: list[Convolution],
        chunk: int,
    ) -> None:
        self._net, self._maps, self._convolutions = net, maps, convolutions
        self._passes = Passes(blocks, convolutions)
        self._real = real_of(maps)
        self._image = max(s.filters * s.height * s.width * maps.itemsize for s in shapes)
        self._chunk = max(1, chunk // self._image)

    def logits(self, theta: Tensor, x: Tensor) -> Tensor:
        blocks, head, bias = self._weights(theta)
        last = (self._passes.up(blocks, images)[0] for images in self._maps_of(x))
        return torch.cat([torch.addmm(bias, features_of(p, head), head.T) for p in last])

    def gradient(self, theta: Tensor, x: Tensor, y: Tensor, keep: bool = False) -> Gradient:
        weights = self._weights(theta)
        total, loss, tapes = torch.zeros_like(theta), theta.new_zeros(()), []
        for images, share in self._chunks(x, y):
            part, value, tape = self._chunk_gradient(weights, images, share)
            total += part
            loss += value
            if keep:
                tapes.append(tape)
        return Gradient(loss, total, tapes or None, sum(tape.nbytes for tape in tapes))

    def gradients(self, theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
        batch = x.shape[1]
        at_once = networks_at_once(self._passes, self._image * batch)
        if at_once == 1:
            return one_by_one(self, theta, x, y)
        parts = zip(theta.split(at_once), x.split(at_once), self._shares(y, batch).split(at_once), strict=True)
        return torch.cat([self._stacked_gradient(*part) for part in parts])

    def product(self, theta: Tensor, x: Tensor, y: Tensor, a: Tensor, tape: Any = None) -> Product:
        weights, tangents = self._weights(theta), self._weights(a)
        total, images, labels = torch.zeros_like(theta), torch.empty_like(x), []
        at = 0
        for i, (chunk, share) in enumerate(self._chunks(x, y)):
            own = tape[i] if tape else self._chunk_gradient(weights, chunk, share)[2]
            part, image, label = self._chunk_product(weights, tangents, own)
            total += part
            images[at : at + len(chunk)] = image.permute(0, 3, 1, 2)
            labels.append(label)
            at += len(chunk)
        return Product(total, images, torch.cat(labels) / len(x) if y.is_floating_point() else None)

    def slope(self, theta: Tensor, x: Tensor) -> tuple[Tensor, Any]:
        weights = self._weights(theta)
        parts = [self._chunk_slope(weights, images) for images in self._maps_of(x)]
        return torch.cat([slope.permute(0, 3, 1, 2) for slope, _ in parts]), [layers for _, layers in parts]

    def slope_product(self, theta: Tensor, v: Tensor, tape: Any) -> Tensor:
        weights = self._weights(theta)
        parts = [self._chunk_slope_product(weights, *own) for own in zip(self._maps_of(v), tape, strict=True)]
        return torch.stack(parts).sum(0)

    def _chunks(self, x: Tensor, y: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return chunks of channels-last images, and of their labels as probabilities / B."""
        return list(zip(self._maps_of(x), self._shares(y, len(x)).split(self._chunk), strict=True))

    def _shares(self, y: Tensor, count: int) -> Tensor:
        """Return labels as probabilities [..., K], divided by the size of a batch."""
        soft = (y if y.is_floating_point() else torch.nn.functional.one_hot(y, self._net.classes)).to(self._real)
        return soft / count

    def _maps_of(self, x: Tensor) -> list[Tensor]:
        """Return images [B, C, H, W] as channels-last maps, in chunks."""
        return list(self._map_of(x).split(self._chunk))

    def _map_of(self, x: Tensor) -> Tensor:
        """Return images [B, C, H, W] as one channels-last map."""
        if x.shape[1:] != self._net.shape:
            raise ValueError(f"images must be [B, {', '.join(map(str, self._net.shape))}], got {list(x.shape)}")
        return x.permute(0, 2, 3, 1).to(self._maps).contiguous()

    def _weights(
        self, theta: Tensor, convolutions: list[Convolution] | None = None
    ) -> tuple[list[tuple[Any, Tensor, Tensor]], Tensor, Tensor]:
        """Return ([(prepared convolution, gamma, beta)], head weight, head bias) of one network, or of several.

        `convolutions` are those of several networks.
        """
        if theta.dtype != self._real or theta.shape[-1] != self._net.parameters:  # else kernels read beyond the end
            raise ValueError(
                f"parameters must be {self._real} [{self._net.parameters}] with maps of {self._maps}, "
                f"got {theta.dtype} {list(theta.shape)}"
            )
        *blocks, head, bias = self._net.unflatten(theta.contiguous()).values()
        layers = [
            (own.weight(blocks[4 * i].to(self._maps)), blocks[4 * i + 2].contiguous(), blocks[4 * i + 3].contiguous())
            for i, own in enumerate(convolutions or self._convolutions)
        ]
        return layers, head, bias

    def _chunk_gradient(self, weights: Any, x: Tensor, share: Tensor) -> tuple[Tensor, Tensor, _Tape]:
        blocks, head, bias = weights
        p, walked = self._passes.up(blocks, x)
        top = Head.of(p, head, bias, share)
        layers, gradients = [], top.gradients()
        gp = as_map(top.residual @ head, p)
        for convolution, layer, gz, (g_beta, g_gamma) in self._passes.down(blocks, walked, gp):
            layers.append(layer)
            gradients += [g_beta, g_gamma, torch.zeros_like(g_beta), convolution.pull_weight((layer.image, gz))]
        tape = _Tape(layers[::-1], top.features, top.probabilities, top.residual, share)
        return _flat(gradients, head.dtype), -(share * top.log_p).sum(), tape

    def _stacked_gradient(self, theta: Tensor, x: Tensor, share: Tensor) -> Tensor:
        """Return the gradients [n, P] of n networks in one pass."""
        passes = self._passes.stacked(len(theta))
        assert passes is not None  # `networks_at_once` was above 1
        weights = self._weights(theta, passes.convolutions)
        return stacked_gradient(passes, weights, self._map_of(x.flatten(0, 1)), share)

    def _chunk_product(self, weights: Any, tangents: Any, tape: _Tape) -> tuple[Tensor, Tensor, Tensor]:
        """Return (d (g . a) / d theta, d / d images channels last, d / d labels before the division by B)."""
        (blocks, head, _), (blocks_t, head_t, bias_t) = weights, tangents
        pt, walked = self._passes.up_tangent(blocks, blocks_t, tape.layers, None)
        features_t = features_of(pt, head)
        logits_t = torch.addmm(bias_t, features_t, head.T).addmm(tape.features, head_t.T)
        centred = logits_t - (tape.probabilities * logits_t).sum(1, keepdim=True)
        residual_t = tape.probabilities * centred * tape.share.sum(1, keepdim=True)
        gradients = [residual_t.sum(0), (residual_t.T @ tape.features).addmm(tape.residual.T, features_t)]
        gpt = as_map((residual_t @ head).addmm(tape.residual, head_t), pt)
        below, gpt = self._passes.down_tangent(blocks, blocks_t, tape.layers, walked, gpt)
        return _flat(gradients + below, head.dtype), gpt, -centred

    def _chunk_slope(self, weights: Any, x: Tensor) -> tuple[Tensor, list[Layer]]:
        """Return (d (sum of all logits) / d images, the layers from the first on)."""
        blocks, head, _ = weights
        p, walked = self._passes.up(blocks, x)
        gp, layers = as_map(head.sum(0).expand(len(x), -1), p), []
        for convolution, layer, gz, _ in self._passes.down(blocks, walked, gp):
            layers.append(layer)
            first, pulled = convolution, gz
        return first.pull_image((pulled, blocks[0][0])), layers[::-1]

    def _chunk_slope_product(self, weights: Any, v: Tensor, layers: list[Layer]) -> Tensor:
        """Return d (slope . v) / d theta: the tangents of the parameters' gradients as the images move along v."""
        blocks, head, bias = weights
        still = [(None, torch.zeros_like(gamma), torch.zeros_like(beta)) for _, gamma, beta in blocks]
        pt, walked = self._passes.up_tangent(blocks, still, layers, v)
        of_head = features_of(pt, head).sum(0).expand_as(head)
        below, _ = self._passes.down_tangent(blocks, still, layers, walked, torch.zeros_like(pt))
        return _flat([torch.zeros_like(bias), of_head, *below], head.dtype)


def _flat(gradients: list[Tensor], dtype: torch.dtype) -> Tensor:
    """Concatenate gradients, listed from the head down to the first layer, to one vector in theta's order."""
    return torch.cat([g.reshape(-1).to(dtype) for g in reversed(gradients)])
