"""The interface of augmentations that training uses."""

from typing import Any, Protocol, runtime_checkable

from torch import Generator, Tensor


@runtime_checkable
class Augmentation(Protocol):
    """An augmentation: parameters are drawn first and applied later, to N batches at once or, after slicing, to some.

    `strategy` is its name; "" is no augmentation.
    """

    @property
    def strategy(self) -> str: ...

    def sample(self, generator: Generator, batches: int, batch_size: int | None, side: tuple[int, int]) -> Any: ...

    def apply(self, x: Tensor, params: Any) -> Tensor: ...
