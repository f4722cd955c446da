"""Flat experts: adaptive GSAM, as in FTD (Du et al., CVPR 2023) and GSAM (Zhuang et al., ICLR 2022)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ddkit.experts.objective import ValueAndGradient
from ddkit.experts.settings import ExpertSettings
from ddkit.recipe import setting

TINY = 1e-12


@dataclass(frozen=True, kw_only=True)
class FlatExperts(ExpertSettings):
    """Settings of flat experts. FTD used rho = 0.01 and alpha = 0.3 or 1 (its Table 7)."""

    name: ClassVar[str] = "flat"
    rho: float = setting(0.01, above=0, help="radius of the adaptive ascent step")
    alpha: float = setting(0.3, at_least=0, help="weight of the sharpness-only gradient component")

    def direction(self, value_and_gradient: ValueAndGradient, theta: Tensor) -> tuple[Tensor, Tensor]:
        return gsam_direction(value_and_gradient, theta, self.rho, self.alpha)


def gsam_direction(
    value_and_gradient: ValueAndGradient, theta: Tensor, rho: float, alpha: float
) -> tuple[Tensor, Tensor]:
    """(loss, direction) of adaptive GSAM at theta = w [P], the same batch in both passes.

    g      = grad L(w)
    eps    = rho * w^2 g / (| |w| g |_2 + 1e-12)           (the ASAM ascent step)
    g_p    = grad L(w + eps)
    g_perp = g - (<g, g_p> / |g_p|^2) g_p                  (the component of g orthogonal to g_p)
    d      = g_p - alpha * g_perp
    """
    value, g = value_and_gradient(theta)
    eps = rho * theta.square() * g / ((theta.abs() * g).norm() + TINY)
    _, g_p = value_and_gradient(theta + eps)
    g_perp = g - (g @ g_p) / (g_p.square().sum() + TINY) * g_p
    return value, g_p - alpha * g_perp
