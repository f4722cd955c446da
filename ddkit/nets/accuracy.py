"""Logits and accuracy of a network on many images."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ddkit.nets.body import Stats

CHUNK = 500
"""Images in a batch of the network."""


@torch.no_grad()
def logits_of(
    net: Callable[..., Tensor],
    theta: Float[Tensor, " p"],
    images: Float[Tensor, "n c h w"],
    stats: Stats | None = None,
) -> Float[Tensor, "n k"]:
    """Return the logits of `images` with parameters `theta`, in batches of CHUNK.

    Args:
        stats: the running statistics of a network with batch norm.
    """
    return torch.cat([net(theta, x, stats) for x in images.split(CHUNK)])


def accuracy(
    net: Callable[..., Tensor],
    theta: Float[Tensor, " p"],
    images: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    stats: Stats | None = None,
) -> float:
    """Return the share of `images` that the network with parameters `theta` classifies correctly.

    Args:
        stats: the running statistics of a network with batch norm.
    """
    return float((logits_of(net, theta, images, stats).argmax(1) == labels).sum()) / len(labels)
