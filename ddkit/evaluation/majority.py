"""Accuracy for classes of different sizes: the share of the majority class, and balanced accuracy.

All functions have counts or labels as arguments, so that they serve images and graphs.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

MAJORITY = "majority class"
"""Name of the row that always predicts the most frequent training class."""

UNEVEN = 1.5
"""Classes are uneven if the largest judged class has more than this many times the samples of the smallest."""


def majority_class(train_counts: Sequence[int]) -> int:
    """The class with the most training samples; the first of equal ones.

    Example:
        >>> majority_class([3, 7, 7])
        1
    """
    return max(range(len(train_counts)), key=train_counts.__getitem__)


def majority_share(train_counts: Sequence[int], judged_counts: Sequence[int]) -> float:
    """The accuracy (a fraction) on the judged part of always predicting the most frequent training class.

    Args:
        train_counts: training samples of each class.
        judged_counts: judged samples of each class; at least one in all.

    Example:
        >>> majority_share([70, 30], [78, 22])
        0.78
    """
    return judged_counts[majority_class(train_counts)] / sum(judged_counts)


def uneven(judged_counts: Sequence[int]) -> bool:
    """Whether the largest judged class has more than UNEVEN times the samples of the smallest.

    A table then states balanced accuracy.

    Example:
        >>> uneven([33, 37]), uneven([78, 22]), uneven([5, 0])
        (False, True, True)
    """
    return max(judged_counts) > UNEVEN * min(judged_counts)


def balanced_accuracy(predicted: Tensor, labels: Tensor) -> float:
    """The mean of the accuracies on the samples of each class, over the classes that occur.

    Args:
        predicted: the predicted class of each judged sample [n].
        labels: the true classes [n], on the same device; at least one.

    Example:
        >>> balanced_accuracy(torch.tensor([0, 0, 0, 0]), torch.tensor([0, 0, 0, 1]))
        0.5
    """
    counts = torch.bincount(labels)
    right = torch.bincount(labels[predicted == labels], minlength=len(counts))
    present = counts > 0
    return float((right[present].double() / counts[present]).mean())


def majority_balanced(judged_counts: Sequence[int], majority: int) -> float:
    """`balanced_accuracy` of always predicting the class `majority`.

    It is 1 / (number of judged classes), or 0 if no judged sample has the majority class.

    Example:
        >>> majority_balanced([78, 22], 0)
        0.5
    """
    present = sum(count > 0 for count in judged_counts)
    return 1 / present if judged_counts[majority] else 0.0
