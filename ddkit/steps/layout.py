"""Where the parameters of a fused ConvNet lie in theta: from theta to the weights of its blocks, from gradients back.

The parameters of n networks begin with the axis n.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ddkit.nets import FlatNet
from ddkit.steps.conv import Convolution
from ddkit.steps.norm import EPS, Norm
from ddkit.steps.passes import Layer, OfWeights, Weights
from ddkit.steps.precision import real_of


@dataclass(frozen=True, eq=False)
class Layout:
    """The parameters of `net`, whose blocks have the norm `norm` and one of `convolutions` each."""

    net: FlatNet
    norm: Norm
    convolutions: list[Convolution]
    maps: torch.dtype

    def weights(self, theta: Tensor, scale: float = 1.0) -> tuple[list[Weights], Tensor, Tensor]:
        """Return (the weights of each block, head weight, head bias). `scale` is gamma where there is no norm."""
        real, parameters = real_of(self.maps), self.net.parameters
        if theta.dtype != real or theta.shape[-1] != parameters:  # the kernels would read beyond the end
            raise ValueError(
                f"parameters must be {real} [{parameters}] with maps of {self.maps}, "
                f"got {theta.dtype} {list(theta.shape)}"
            )
        *parts, head, bias = self.net.unflatten(theta.contiguous()).values()
        each, blocks = len(parts) // len(self.convolutions), []
        for i, convolution in enumerate(self.convolutions):
            w, shift, *scales = parts[each * i : each * (i + 1)]
            gamma, beta = scales or (torch.full_like(shift, scale), shift)
            kept = shift if self.norm.keeps_bias else None
            blocks.append(Weights(convolution.weight(w.to(self.maps)), kept, gamma.contiguous(), beta.contiguous()))
        return blocks, head, bias

    def flat(self, head: list[Tensor], blocks: list[OfWeights]) -> Tensor:
        """Concatenate the gradients of the head (bias, weight) and of the blocks, from the last one down, in theta's
        order."""
        parts, networks = list(head), head[0].shape[:-1]
        for w, bias, gamma, beta in blocks:
            normed = [gamma, beta.new_zeros(beta.shape) if bias is None else bias]
            parts += [beta, *(normed if self.norm.together else []), w]
        flat = torch.cat([part.flatten(len(networks)) for part in reversed(parts)], -1)
        return flat.to(real_of(self.maps))

    def moments(self, theta: Tensor, layers: list[Layer]) -> list[tuple[Tensor, Tensor]]:
        """Return mean and unbiased variance [n, C] of the input of each batch norm of n networks theta [n, P].

        The input has the bias of the convolution, which the fused step does not add.
        """
        found, networks = [], len(theta)
        for bias, layer in zip(list(self.net.unflatten(theta).values())[1:-2:4], layers, strict=True):
            mean, rstd = (statistic.unflatten(0, (networks, -1))[:, 0] for statistic in layer.stats)
            count = layer.z[..., 0].numel() // networks
            variance = (rstd**-2 - EPS).clamp(min=0)  # rounding makes a variance of 0 negative
            found.append((mean + bias, variance * (count / (count - 1))))
        return found
