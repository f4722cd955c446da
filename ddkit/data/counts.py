"""The number of images of each class of a set."""

from dataclasses import dataclass

import torch
from torch import Tensor


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

    def __str__(self) -> str:
        """The images of a class: "3", or "1 to 5" if classes differ."""
        return str(self.ipc or f"{min(self.each)} to {self.largest}")

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
