"""What is asked of experts: which images they get right, what they say of them, and how they cluster a class.

What initial images and soft labels need of experts that have finished their training.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ddkit.nets import logits_of

Classifier = Callable[..., Tensor]
"""A network as a function: parameters [P], images [N, C, H, W] and running statistics or None -> logits [N, K]."""

Teach = Callable[[int], Tensor]
"""Number of an expert -> its parameters [P] at the epoch at which it teaches."""


def first_right(
    net: Classifier, teach: Teach, count: int, images: Float[Tensor, "n c h w"], labels: Int[Tensor, " n"], ipc: int
) -> Int[Tensor, " n"]:
    """For each image the first of `count` teachers that classifies it correctly, `count` where none does.

    Teachers are asked one after another until every class has ipc images that one of them got right; who is then left
    over has `count` too.
    """
    first, classes = torch.full_like(labels, count), int(labels.max()) + 1
    for teacher in range(count):
        right = logits_of(net, teach(teacher), images).argmax(1) == labels
        first = torch.where(right & (first == count), teacher, first)
        if int(torch.bincount(labels[first < count], minlength=classes).min()) >= ipc:
            break
    return first


def taught_labels(
    net: Classifier, teach: Teach, count: int, images: Float[Tensor, "n c h w"], labels: Int[Tensor, " n"]
) -> Float[Tensor, "n k"]:
    """Each image's mean logits over the teachers that classify it correctly (DATM).

    Where none does, the mean over all of them; the published code divides by zero there, and its label is nan.
    """
    said = torch.stack([logits_of(net, teach(teacher), images) for teacher in range(count)])
    right = (said.argmax(2) == labels).to(said)
    share = torch.where(right.sum(0) > 0, right, torch.ones_like(right))[..., None]
    return (share * said).sum(0) / share.sum(0)
