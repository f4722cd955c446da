"""PyTorch's default initialisation, drawn from an explicit generator."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn


def default_init(net: nn.Module, generator: torch.Generator) -> Float[Tensor, " p"]:
    """Draw initial values of all parameters of `net` as one flat float32 vector, in the order of `named_parameters`.

    Weights and biases of convolutions and linear layers are uniform in +-1/sqrt(fan_in), the same as PyTorch's
    kaiming_uniform(a=sqrt(5)). Normalisations start as the identity. `net` itself may be on the meta device.

    Raises:
        TypeError: the default initialisation of a layer is not implemented here.
    """
    return torch.cat([values for module in net.modules() for values in _layer_init(module, generator)])


def _layer_init(module: nn.Module, generator: torch.Generator) -> Iterator[Tensor]:
    own = dict(module.named_parameters(recurse=False))
    if isinstance(module, nn.Conv2d | nn.Linear):
        bound = 1 / math.sqrt(own["weight"][0].numel())
        for parameter in own.values():
            yield torch.empty(parameter.numel()).uniform_(-bound, bound, generator=generator)
    elif isinstance(module, nn.GroupNorm | nn.BatchNorm2d | nn.LayerNorm):
        yield torch.ones(own["weight"].numel())
        yield torch.zeros(own["bias"].numel())
    elif own:
        raise TypeError(f"no default initialisation is known for {type(module).__name__}")
