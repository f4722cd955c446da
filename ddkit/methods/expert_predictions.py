"""Predictions of trained experts on real images: which images they classify correctly, and their mean logits.

Initial images (`samples_predicted_correctly`) and initial soft labels are computed from them.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ddkit.data import Counts

Predict = Callable[[int, Tensor], Tensor]
"""A function of an expert's number and images [N, C, H, W] that returns this expert's logits [N, K]."""


def first_correct(
    predict: Predict, count: int, images: Float[Tensor, "n c h w"], labels: Int[Tensor, " n"], counts: Counts
) -> Int[Tensor, " n"]:
    """Return for each image the number of the first expert that classifies it correctly, or `count` if none does.

    Experts are evaluated one after another until every class has its number of correctly classified images. Images that
    are not classified correctly by then have `count` too.
    """
    first, wanted = torch.full_like(labels, count), labels.new_tensor(counts.each)
    for expert in range(count):
        correct = predict(expert, images).argmax(1) == labels
        first = torch.where(correct & (first == count), expert, first)
        if bool((torch.bincount(labels[first < count], minlength=len(wanted)) >= wanted).all()):
            break
    return first


def correct_mean_logits(
    predict: Predict, count: int, images: Float[Tensor, "n c h w"], labels: Int[Tensor, " n"]
) -> Float[Tensor, "n k"]:
    """Return each image's mean logits over the experts that classify it correctly (DATM).

    If no expert does, the mean is over all experts. The published code divides by zero there, and its label is nan.
    """
    logits = torch.stack([predict(expert, images) for expert in range(count)])
    correct = (logits.argmax(2) == labels).to(logits)
    share = torch.where(correct.sum(0) > 0, correct, torch.ones_like(correct))[..., None]
    return (share * logits).sum(0) / share.sum(0)
