"""Plain experts: SGD, as in MTT (Cazenavette et al., CVPR 2022)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ddkit.experts.objective import ValueAndGradient
from ddkit.experts.settings import ExpertSettings


@dataclass(frozen=True, kw_only=True)
class PlainExperts(ExpertSettings):
    """Settings of plain experts, which are the common settings."""

    name: ClassVar[str] = "plain"

    def direction(self, value_and_gradient: ValueAndGradient, theta: Tensor) -> tuple[Tensor, Tensor]:
        return value_and_gradient(theta)
