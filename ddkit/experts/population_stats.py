"""The running statistics of a trained network's batch norms, measured on images."""

import torch
from torch import Tensor

from ddkit.nets import FlatNet, Stats
from ddkit.randomness import stream

STATISTICS_BATCH = 500
"""Images in one batch; the moments of all batches are averaged."""


def population_stats(net: FlatNet, theta: Tensor, images: Tensor) -> Stats:
    """The statistics of a trained network's batch norms: the mean of the batch statistics over random batches.

    PyTorch's running average depends on the weights of the last few steps and on augmented images. These statistics
    belong to the final weights and to images without augmentation, as BN matching and users of the network need them.
    Batches are random, because data is often ordered by class, and a batch of one class has a smaller variance.
    """
    if not net.has_stats:
        return {}
    count = max(1, round(len(images) / STATISTICS_BATCH))
    order = torch.randperm(len(images), generator=stream(0, "statistics")).to(images.device)
    batches = [net.batch_stats(theta, images[rows]) for rows in order.tensor_split(count)]
    return {name: torch.stack([stats[name] for stats in batches]).mean(0) for name in batches[0]}
