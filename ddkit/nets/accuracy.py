"""What a network says of many images, and how often it is right."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ddkit.nets.flat import Stats

CHUNK = 500
"""Images that go through the network together."""


@torch.no_grad()
def logits_of(
    net: Callable[..., Tensor],
    theta: Float[Tensor, " p"],
    images: Float[Tensor, "n c h w"],
    stats: Stats | None = None,
) -> Float[Tensor, "n k"]:
    """The logits of `images` under parameters `theta`, CHUNK at a time; `stats` are a batch-norm network's."""
    return torch.cat([net(theta, x, stats) for x in images.split(CHUNK)])


def accuracy(
    net: Callable[..., Tensor],
    theta: Float[Tensor, " p"],
    images: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    stats: Stats | None = None,
) -> float:
    """Share of `images` that parameters `theta` classify correctly; `stats` are a batch-norm network's."""
    return float((logits_of(net, theta, images, stats).argmax(1) == labels).sum()) / len(labels)
