"""The contract of a rank: its number, its share of the work, and the sum of all shares."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Ranks:
    """This process among `count` processes that make one set.

    `Ranks()` is the only rank of an ordinary run. Several ranks are instances of a child class (`Group`).

    Attributes:
        rank: the number of this process, 0 .. count - 1.
        count: the number of processes.

    Example:
        >>> Ranks(1, 3).rows(10)
        slice(3, 6, None)
        >>> list(Ranks(1, 3).own(7))
        [1, 4]
    """

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is rank 0, which alone writes files and prints."""
        return self.rank == 0

    @property
    def device(self) -> torch.device:
        """The device of this rank."""
        raise NotImplementedError

    def own(self, count: int) -> range:
        """The numbers of this rank's items, of `count` independent items: every `self.count`-th item."""
        return range(self.rank, count, self.count)

    def rows(self, count: int) -> slice:
        """This rank's rows of a batch of `count`. The numbers of rows of two ranks differ by at most one."""
        return slice(self.rank * count // self.count, (self.rank + 1) * count // self.count)

    def sum(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """The sums over all ranks, equal on all ranks to the bit. All tensors have one dtype and device.

        All ranks must call it in the same order with tensors of the same shapes.
        """
        return tensors

    def send(self, message: bytes) -> None:
        """Send a message from the leader to all others."""

    def receive(self) -> bytes:
        """Wait for the leader's next message. Signals are handled while it waits."""
        raise NotImplementedError

    def leave(self) -> None:
        """End the common work. From now on the ranks do not depend on each other."""


ALONE = Ranks()
"""The rank of a process alone."""
