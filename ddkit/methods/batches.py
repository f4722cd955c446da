"""Batches of synthetic images for the steps of a student."""

import torch
from torch import Tensor


def draw_batches(count: int, batch: int, steps: int, generator: torch.Generator) -> Tensor:
    """Return image indices [steps, batch]: permutations of all `count` images, concatenated and cut into batches.

    The numbers of times that two images are used differ by at most one. The published code cuts each permutation
    separately, so that a batch is short wherever `batch` does not divide `count`. Here every batch is full.
    """
    if batch >= count:
        return torch.arange(count).expand(steps, count)
    rounds = -(-steps * batch // count)
    return torch.cat([torch.randperm(count, generator=generator) for _ in range(rounds)])[: steps * batch].view(
        steps, -1
    )
