"""Random batches of real images of one class. DC, DSA, DM and NCFM match the synthetic images of a class with them."""

from typing import ClassVar

import torch
from torch import Tensor

from ddkit.data import Part
from ddkit.device_copy import to_device
from ddkit.methods.division import refuse_idle_ranks
from ddkit.methods.effort import fewer_iterations
from ddkit.nets import FlatNet, Stats
from ddkit.task import Task

BN_IMAGES = 16
"""Real images of each class that give batch norms their statistics."""


class ClassBatchCosts:
    """The advice on time and memory of settings with `iterations` and `batch_real`. It adds no setting.

    Several ranks divide the classes.
    """

    divided: ClassVar[bool] = True
    name: ClassVar[str]
    iterations: int
    batch_real: int

    def refuse_ranks(self, ranks: int, net: FlatNet) -> None:
        """See `MethodSettings.refuse_ranks`."""
        refuse_idle_ranks(self.name, ranks, net.classes)

    def largest_batch(self, task: Task) -> int:
        """The images of the largest real batch. A class with fewer than `batch_real` images gives all of them."""
        return min(self.batch_real, int(task.real.train.labels.bincount().max()))

    @property
    def shorter(self) -> str:
        return fewer_iterations(self.iterations)

    @property
    def less_memory(self) -> str:
        return f"lower method.batch_real, now {self.batch_real}, or method.ipc"


class ClassBatches:
    """Batches of each class of a training part. The part is not copied."""

    def __init__(self, part: Part, classes: int) -> None:
        self._images = part.images
        self._members = [(part.labels == c).nonzero().flatten() for c in range(classes)]

    def draw(self, c: int, size: int, generator: torch.Generator) -> Tensor:
        """Draw the numbers of `size` distinct images of class `c`. A smaller class gives all its images."""
        members = self._members[c]
        chosen = torch.randperm(len(members), generator=generator)[:size]
        return members[to_device(chosen, members.device)]

    def images(self, numbers: Tensor) -> Tensor:
        """The images of these numbers [size, C, H, W]."""
        return self._images[numbers]

    def statistics(self, net: FlatNet, theta: Tensor, generator: torch.Generator) -> Stats | None:
        """Statistics of the network's batch norms on BN_IMAGES images of each class. None: there is no batch norm."""
        if not net.has_stats:
            return None
        seen = torch.cat([self.draw(c, BN_IMAGES, generator) for c in range(len(self._members))])
        return net.batch_stats(theta, self.images(seen))
