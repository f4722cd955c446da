"""How often a network is right."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ddkit.nets.flat import FlatNet, Stats

CHUNK = 500
"""Images that go through the network together."""


def accuracy(
    net: FlatNet,
    theta: Float[Tensor, " p"],
    images: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    stats: Stats | None = None,
) -> float:
    """Share of `images` that parameters `theta` classify correctly; `stats` are a batch-norm network's."""
    with torch.no_grad():
        chunks = zip(images.split(CHUNK), labels.split(CHUNK), strict=True)
        return float(sum((net(theta, x, stats).argmax(1) == y).sum() for x, y in chunks)) / len(labels)
