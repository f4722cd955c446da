"""Plain experts: SGD, as in MTT (Cazenavette et al., CVPR 2022)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ddkit.experts.settings import ExpertSettings


@dataclass(frozen=True, kw_only=True)
class PlainExperts(ExpertSettings):
    """Settings of plain experts: nothing beyond the common ones."""

    name: ClassVar[str] = "plain"

    def direction(self, loss: Callable[[Tensor], Tensor], theta: Tensor) -> tuple[Tensor, Tensor]:
        return value_and_gradient(loss, theta)


def value_and_gradient(loss: Callable[[Tensor], Tensor], theta: Tensor) -> tuple[Tensor, Tensor]:
    """(loss, d loss / d theta) at `theta` [P]."""
    theta = theta.detach().requires_grad_()
    value = loss(theta)
    return value.detach(), torch.autograd.grad(value, theta)[0]
