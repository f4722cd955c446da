"""Which synthetic images a student sees at each of its steps."""

import torch
from torch import Tensor


def draw_batches(count: int, batch: int, steps: int, generator: torch.Generator) -> Tensor:
    """Image indices [steps, batch]: permutations of all `count` images laid end to end and cut.

    Each image is used equally often to within one. The published code cuts each permutation by itself, so that a short
    batch appears wherever `batch` does not divide `count`; here every batch is full.
    """
    if batch >= count:
        return torch.arange(count).expand(steps, count)
    rounds = -(-steps * batch // count)
    return torch.cat([torch.randperm(count, generator=generator) for _ in range(rounds)])[: steps * batch].view(
        steps, -1
    )
