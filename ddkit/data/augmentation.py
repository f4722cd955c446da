"""What training needs of an augmentation, whoever's it is."""

from typing import Any, Protocol, runtime_checkable

from torch import Generator, Tensor


@runtime_checkable
class Augmentation(Protocol):
    """Parameters are drawn first and applied later, to N batches at once or, as they can be sliced, to some of them;
    `strategy` names it, "" is none."""

    @property
    def strategy(self) -> str: ...

    def sample(self, generator: Generator, batches: int, batch_size: int | None, side: tuple[int, int]) -> Any: ...

    def apply(self, x: Tensor, params: Any) -> Tensor: ...
