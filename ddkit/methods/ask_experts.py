"""What is asked of experts: which images they get right, what they say of them, and how they cluster a class.

What initial images and soft labels need of experts that have finished their training.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

Ask = Callable[[int, Tensor], Tensor]
"""Number of an expert and images [N, C, H, W] -> its logits [N, K]."""


def first_right(
    ask: Ask, count: int, images: Float[Tensor, "n c h w"], labels: Int[Tensor, " n"], ipc: int
) -> Int[Tensor, " n"]:
    """For each image the first of `count` experts that classifies it correctly, `count` where none does.

    Experts are asked one after another until every class has ipc images that one of them got right; who is then left
    over has `count` too.
    """
    first, classes = torch.full_like(labels, count), int(labels.max()) + 1
    for expert in range(count):
        right = ask(expert, images).argmax(1) == labels
        first = torch.where(right & (first == count), expert, first)
        if int(torch.bincount(labels[first < count], minlength=classes).min()) >= ipc:
            break
    return first


def taught_labels(
    ask: Ask, count: int, images: Float[Tensor, "n c h w"], labels: Int[Tensor, " n"]
) -> Float[Tensor, "n k"]:
    """Each image's mean logits over the experts that classify it correctly (DATM).

    Where none does, the mean over all of them; the published code divides by zero there, and its label is nan.
    """
    said = torch.stack([ask(expert, images) for expert in range(count)])
    right = (said.argmax(2) == labels).to(said)
    share = torch.where(right.sum(0) > 0, right, torch.ones_like(right))[..., None]
    return (share * said).sum(0) / share.sum(0)
