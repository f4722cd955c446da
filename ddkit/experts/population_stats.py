"""The running statistics of a trained network's batch norms, measured on images."""

import torch
from torch import Tensor

from ddkit.nets import FlatNet, Stats
from ddkit.randomness import stream

STATISTICS_BATCH = 500
"""Images whose moments are averaged into the statistics, a batch at a time."""


def population_stats(net: FlatNet, theta: Tensor, images: Tensor) -> Stats:
    """The running statistics of a trained network: the mean over random batches of all images, as they are, of the
    batches'.

    PyTorch's running average follows the weights of the last few steps and the augmented images. This one belongs to
    the weights that are kept and to real images, which is what BN matching and the network's users meet. Batches are
    random because data often lies class by class, where a batch has the spread of one class.
    """
    if not net.has_stats:
        return {}
    count = max(1, round(len(images) / STATISTICS_BATCH))
    order = torch.randperm(len(images), generator=stream(0, "statistics")).to(images.device)
    batches = [net.batch_stats(theta, images[rows]) for rows in order.tensor_split(count)]
    return {name: torch.stack([stats[name] for stats in batches]).mean(0) for name in batches[0]}
