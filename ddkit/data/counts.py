"""The number of images of each class of a set."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ddkit.recipe import Uneven, images_a_class


@dataclass(frozen=True)
class Counts:
    """Images of each class of a set whose images stand class by class. Every class has at least one.

    Example:
        >>> Counts((2, 1)).labels().tolist()
        [0, 0, 1]
    """

    each: tuple[int, ...]

    @staticmethod
    def even(ipc: int, classes: int) -> "Counts":
        """`ipc` images of each class."""
        return Counts((ipc,) * classes)

    @staticmethod
    def of(ipc: int | Uneven, labels: Tensor, classes: tuple[str, ...]) -> "Counts":
        """The counts of a setting.

        Args:
            ipc: images of each class, or a rule for uneven classes.
            labels: of the real training images.
            classes: names of the classes.

        Raises:
            UsageError: the rule does not fit the classes.
        """
        if isinstance(ipc, int):
            return Counts.even(ipc, len(classes))
        sizes = torch.bincount(labels, minlength=len(classes)).tolist()
        return Counts(ipc.counts(dict(zip(classes, sizes, strict=True))))

    @property
    def total(self) -> int:
        """Images of all classes."""
        return sum(self.each)

    @property
    def largest(self) -> int:
        """Images of the largest class."""
        return max(self.each)

    @property
    def ipc(self) -> int | None:
        """Images of each class; None if classes differ."""
        return self.each[0] if len(set(self.each)) == 1 else None

    @property
    def mean(self) -> int:
        """Images of a class on average, rounded up."""
        return -(-self.total // len(self.each))

    @property
    def key(self) -> str:
        """A text that differs between different counts: "3" if classes are even."""
        return ",".join(map(str, self.each)) if self.ipc is None else str(self.ipc)

    @property
    def in_table(self) -> int | str:
        """Images of each class, or, if classes differ, their range and sum."""
        return f"{images_a_class(self.each)}, {self.total} in all" if self.ipc is None else self.ipc

    def times(self, factor: int) -> "Counts":
        """`factor` times as many images of each class."""
        return Counts(tuple(count * factor for count in self.each))

    def labels(self, device: torch.device | str = "cpu") -> Tensor:
        """The class of each image, [total]."""
        return torch.arange(len(self.each), device=device).repeat_interleave(torch.tensor(self.each, device=device))

    def split(self, images: Tensor) -> tuple[Tensor, ...]:
        """The images of each class."""
        parts: tuple[Tensor, ...] = images.split(self.each)
        return parts

    def rows(self, classes: range) -> slice:
        """The rows of the images of consecutive classes."""
        return slice(sum(self.each[: classes.start]), sum(self.each[: classes.stop]))
