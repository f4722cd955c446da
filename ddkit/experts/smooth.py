"""Smooth experts: SGD with momentum on a loss that warms up and penalises gradients, as in AST (Shen et al., 2023)."""

from dataclasses import dataclass
from typing import ClassVar

from ddkit.experts.plain import PlainExperts
from ddkit.experts.settings import ExpertSettings
from ddkit.recipe import preset


@dataclass(frozen=True, kw_only=True)
class SmoothExperts(PlainExperts):
    """Settings of smooth experts: the common settings with the defaults of AST's code."""

    name: ClassVar[str] = "smooth"
    lr: float = preset(ExpertSettings, "lr", 0.003)
    momentum: float = preset(ExpertSettings, "momentum", 0.9)
    weight_decay: float = preset(ExpertSettings, "weight_decay", 1e-3)
    lr_decay: float = preset(ExpertSettings, "lr_decay", 0.6)
    warmup: float = preset(ExpertSettings, "warmup", 0.5)
    penalty: float = preset(ExpertSettings, "penalty", 2.0)
