"""A step whose batch is divided over ranks: each computes its rows, and the ranks add their gradients."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ddkit.ranks import Ranks
from ddkit.steps.step import Gradient, Product, Step, one_by_one


@dataclass(frozen=True)
class BatchShare:
    """This rank has its rows of batches of `size` images."""

    ranks: Ranks
    size: int

    def of(self, step: Step) -> Step:
        """The step of the whole batch, which is given this rank's rows."""
        return DividedStep(step, self)


@dataclass(frozen=True)
class DividedStep:
    """See `ddkit.steps.Step`. It is given this rank's rows and returns losses and gradients of the whole batch.

    A product's derivatives for images and labels are those of this rank's rows. All ranks must make the same calls.
    Networks with batch norm are excluded: their batches cannot be divided. A rank may have no row.
    """

    fused: ClassVar[bool] = False

    step: Step
    share: BatchShare

    def logits(self, theta: Tensor, x: Tensor) -> Tensor:
        return self.step.logits(theta, x)

    def gradient(self, theta: Tensor, x: Tensor, y: Tensor, keep: bool = False) -> Gradient:
        if len(x):
            own = self.step.gradient(theta, x, y, keep)
        else:
            own = Gradient(theta.new_zeros(()), torch.zeros_like(theta))
        part = len(x) / self.share.size
        loss, whole = self.share.ranks.sum(own.loss * part, own.theta * part)
        return Gradient(loss, whole, own.tape, own.tape_bytes)

    def gradients(self, theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return one_by_one(self, theta, x, y)

    def product(self, theta: Tensor, x: Tensor, y: Tensor, a: Tensor, tape: Any = None) -> Product:
        if len(x):
            own = self.step.product(theta, x, y, a, tape)
        else:
            soft = torch.zeros_like(y) if y.is_floating_point() else None
            own = Product(torch.zeros_like(theta), torch.zeros_like(x), soft)
        part = len(x) / self.share.size
        (whole,) = self.share.ranks.sum(own.theta * part)
        return Product(whole, own.images * part, None if own.labels is None else own.labels * part)

    def slope(self, theta: Tensor, x: Tensor) -> tuple[Tensor, Any]:
        return self.step.slope(theta, x)

    def slope_product(self, theta: Tensor, v: Tensor, tape: Any) -> Tensor:
        return self.share.ranks.sum(self.step.slope_product(theta, v, tape))[0]
