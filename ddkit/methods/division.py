"""How several ranks divide the work of one iteration. All draw the same numbers, and each computes its share.

- Class-wise methods (DC, DSA, DM, NCFM): each rank computes the losses of its classes.
- Trajectory matching with `method.trajectories` T > 1: each rank trains T / ranks of the students.
- Trajectory matching with T = 1: each rank has its rows of every batch of the student (`ddkit.steps.BatchShare`).

The results are those of one process, except for rounding: the ranks add the same numbers in another order.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from ddkit.data import Counts
from ddkit.errors import UsageError
from ddkit.ranks import Ranks
from ddkit.steps import BatchShare

Item = TypeVar("Item")


def refuse_undivided(method: str, divided: bool, ranks: Ranks) -> None:
    """Raise UsageError if there are several ranks and the method cannot divide its work."""
    if ranks.count > 1 and not divided:
        raise UsageError(
            f"method '{method}': runs in one process, and torchrun started {ranks.count}; start it by ddkit condense, "
            "without torchrun"
        )


def refuse_idle_ranks(method: str, ranks: int, count: int, what: str = "classes") -> None:
    """Raise UsageError if there are more ranks than items that they divide."""
    if ranks > count:
        raise UsageError(
            f"method '{method}': divides {count} {what}, which is less than the {ranks} processes of torchrun; use at "
            f"most --nproc-per-node {count} in total"
        )


def of_own_classes(
    ranks: Ranks,
    groups: Sequence[range],
    counts: Counts,
    images: Tensor,
    match: Callable[[range], tuple[Tensor, ...]],
) -> tuple[Tensor, ...]:
    """Return the sum [] of the losses of all groups of classes, its derivative for all images [n, C, H, W], and the
    sums of whatever else `match` returns.

    Args:
        ranks: each computes its groups.
        groups: numbers of consecutive classes; together all classes.
        counts: images of each class.
        images: the images, class by class.
        match: returns the loss [] of a group, its derivative for the group's images, and further tensors, whose shapes
            are those of every group. Each rank has at least one group.
    """
    losses, gradient = images.new_zeros(len(groups)), torch.zeros_like(images)
    others: list[tuple[Tensor, ...]] = []
    for group in ranks.own(len(groups)):
        classes = groups[group]
        losses[group], gradient[counts.rows(classes)], *more = match(classes)
        others.append(tuple(more))
    sums = [torch.stack(own).sum(0) for own in zip(*others, strict=True)]
    losses, gradient, *sums = ranks.sum(losses, gradient, *sums)
    return losses.sum(), gradient, *sums


@dataclass(frozen=True)
class WalkDivision:
    """The division of the students of trajectory matching."""

    ranks: Ranks
    trajectories: int

    @property
    def by_rows(self) -> bool:
        """Whether each rank has some rows of every batch, and not some of the students."""
        return self.ranks.count > 1 and self.trajectories == 1

    def own(self, drawn: Sequence[Item]) -> list[Item]:
        """This rank's students."""
        return list(drawn) if self.by_rows else [drawn[i] for i in self.ranks.own(len(drawn))]

    def arguments(self, batch: int) -> dict[str, Any]:
        """The arguments of `matching_loss` for this rank's share."""
        return {"share": BatchShare(self.ranks, batch)} if self.by_rows else {}

    def whole(self, loss: Tensor, log_lr: Tensor, *others: Tensor) -> list[Tensor]:
        """Return the loss of all students, and its derivatives with respect to the log of the lr, images and labels.

        The arguments are those of this rank's students. If the ranks divide the rows of a batch, every rank already has
        the complete loss and its complete derivative with respect to the lr, so these are averaged.
        """
        count = self.ranks.count
        if count == 1:
            return [loss, log_lr, *others]
        if not self.by_rows:
            others = tuple(other / count for other in others)
        return list(self.ranks.sum(loss / count, log_lr / count, *others))
