"""Train one network on real data and yield its parameters after every epoch."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from ddkit.data import DSA, Part
from ddkit.experts.settings import ExpertSettings
from ddkit.nets import FlatNet, cross_entropy


def train_expert(
    net: FlatNet, part: Part, settings: ExpertSettings, dsa: DSA, epochs: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, float]]:
    """Yield (theta [P], mean training loss) at initialisation (loss nan) and after each of `epochs` epochs.

    Every snapshot is a tensor of its own: the published code's `p.detach().cpu()` aliases the live parameters on a
    CPU, so that all its snapshots are the last one. Draws depend on the generator alone, so the first e + 1 snapshots
    are the same however many epochs follow.
    """
    images, labels = part.images, part.labels
    theta = net.init(generator).to(images.device)
    velocity = torch.zeros_like(theta)
    side = (images.shape[-2], images.shape[-1])
    yield theta, float("nan")
    for _ in range(epochs):
        order = torch.randperm(len(labels), generator=generator).to(images.device)
        total = torch.zeros((), device=images.device)
        for index in order.split(settings.batch):
            params = dsa.sample(generator, 1, len(index), side)
            x, y = dsa.apply(images[index][None], params)[0], labels[index]
            loss, direction = settings.direction(partial(batch_loss, net, x, y), theta)
            velocity = settings.momentum * velocity + direction + settings.weight_decay * theta
            theta = theta - settings.lr * velocity
            total += loss * len(index)
        yield theta, float(total / len(labels))


def batch_loss(net: FlatNet, x: Tensor, y: Tensor, theta: Tensor) -> Tensor:
    """Mean cross entropy of one batch as a function of the parameters, which come last for `partial`."""
    return cross_entropy(net(theta, x), y)
