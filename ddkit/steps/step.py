"""The contract of a step: the gradient of one batch, and the derivative of that gradient along a direction."""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from torch import Tensor

from ddkit.steps.rows import as_rows


@runtime_checkable
class Network(Protocol):
    """A network as a pure function of one flat parameter vector."""

    def __call__(self, theta: Tensor, x: Tensor, /) -> Tensor:
        """Compute the logits [B, K] of images [B, C, H, W] with parameters [P]."""
        ...


@dataclass(frozen=True, eq=False)
class Gradient:
    """g = d loss / d theta [P] of one batch, the loss [], and a tape of intermediate results for `product`.

    `tape` is None unless `keep` was set; `tape_bytes` is its size.
    """

    loss: Tensor
    theta: Tensor
    tape: Any = None
    tape_bytes: int = 0


@dataclass(frozen=True, eq=False)
class Product:
    """d (g . a) / d (theta, images, labels) for a direction a [P]; labels is None if labels are classes."""

    theta: Tensor
    images: Tensor
    labels: Tensor | None


@runtime_checkable
class Step(Protocol):
    """One network's mean cross entropy on a batch, differentiated once and twice. Nothing is changed in place.

    A `fused` step is faster than autograd, and several threads may use it at once.
    """

    fused: ClassVar[bool]

    def logits(self, theta: Tensor, x: Tensor) -> Tensor:
        """Compute the logits [B, K] of images [B, C, H, W] with parameters [P], without a graph."""
        ...

    def gradient(self, theta: Tensor, x: Tensor, y: Tensor, keep: bool = False) -> Gradient:
        """Compute the gradient at parameters [P], images [B, C, H, W] and labels.

        Labels are [B] (classes) or [B, K] (probabilities). `keep` asks for a tape.
        """
        ...

    def gradients(self, theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Compute the gradients [n, P] of n networks [n, P], each on its own batch [n, B, ...] and labels [n, B, ...].

        Each equals `gradient` of its network to the bit. Where networks in one pass are faster, they are computed so.
        """
        ...

    def product(self, theta: Tensor, x: Tensor, y: Tensor, a: Tensor, tape: Any = None) -> Product:
        """Compute the derivative along `a` [P]. A tape of `gradient` at the same point saves computing it again."""
        ...

    def slope(self, theta: Tensor, x: Tensor) -> tuple[Tensor, Any]:
        """Compute d (sum of all logits) / d images, [B, C, H, W], and a tape for `slope_product`."""
        ...

    def slope_product(self, theta: Tensor, v: Tensor, tape: Any) -> Tensor:
        """Compute d (slope . v) / d theta [P] for a direction v [B, C, H, W], as a gradient penalty needs."""
        ...


def one_by_one(step: Step, theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Compute `Step.gradients` for one network after another."""
    return as_rows([step.gradient(*own).theta for own in zip(theta, x, y, strict=True)])
