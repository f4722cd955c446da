"""What accuracy says where classes differ in size: the majority class's share, and balanced accuracy.

Everything here takes counts or labels, so that it serves images and graphs.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

MAJORITY = "majority class"
"""The row of a table that trains nothing and always names the most frequent training class."""

UNEVEN = 1.5
"""Classes are uneven where the largest judged class has more than so many times the samples of the smallest."""


def majority_class(train_counts: Sequence[int]) -> int:
    """The class with most training samples; of equal ones the first.

    Example:
        >>> majority_class([3, 7, 7])
        1
    """
    return max(range(len(train_counts)), key=train_counts.__getitem__)


def majority_share(train_counts: Sequence[int], judged_counts: Sequence[int]) -> float:
    """The accuracy (a fraction) of always naming the training part's most frequent class on the judged part.

    Args:
        train_counts: training samples of each class.
        judged_counts: judged samples of each class; at least one in all.

    Example:
        >>> majority_share([70, 30], [78, 22])
        0.78
    """
    return judged_counts[majority_class(train_counts)] / sum(judged_counts)


def uneven(judged_counts: Sequence[int]) -> bool:
    """Whether the largest judged class has more than UNEVEN times the samples of the smallest; then a table states
    balanced accuracy.

    Example:
        >>> uneven([33, 37]), uneven([78, 22]), uneven([5, 0])
        (False, True, True)
    """
    return max(judged_counts) > UNEVEN * min(judged_counts)


def balanced_accuracy(named: Tensor, labels: Tensor) -> float:
    """The mean over classes of the share of their samples that are named rightly, over the classes that occur.

    Args:
        named: the class that a network names for each judged sample [n].
        labels: the true classes [n], on the same device; at least one.

    Example:
        >>> balanced_accuracy(torch.tensor([0, 0, 0, 0]), torch.tensor([0, 0, 0, 1]))
        0.5
    """
    counts = torch.bincount(labels)
    right = torch.bincount(labels[named == labels], minlength=len(counts))
    there = counts > 0
    return float((right[there].double() / counts[there]).mean())


def majority_balanced(judged_counts: Sequence[int], majority: int) -> float:
    """`balanced_accuracy` of always naming the class `majority`: 1 / the judged classes, or 0 if the majority class is
    not among these.

    Example:
        >>> majority_balanced([78, 22], 0)
        0.5
    """
    there = sum(count > 0 for count in judged_counts)
    return 1 / there if judged_counts[majority] else 0.0
