"""The loss of an expert: cross entropy, and the terms that AST adds to make the trajectory smooth.

    loss(e) = c_e CE(augmented images) + penalty R(images)

c_e warms up over the first epochs: AST's "clipping loss", 0.5, 0.55, ..., 0.95 and then 1. R is a gradient penalty as
in WGAN-GP. With G = d (sum of all logits) / d images [B, C, H, W], on the images without augmentation,

    penalty_norm "pixel":   R = mean over images and pixels of (|G|_2 over channels - 1)^2     AST's released code
    penalty_norm "sample":  R = mean over images of (|G|_2 over channels and pixels - 1)^2     the usual form

In the usual form, the gradient of a whole image should have length 1. In the code's form, the gradient of every pixel
should have length 1, so that of an image of D pixels should have length sqrt(D). All terms are off by default; any kind
of expert can enable them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import grad, grad_and_value

from ddkit.recipe import Settings, setting
from ddkit.steps import Network, Step

ValueAndGradient = Callable[[Tensor], tuple[Tensor, Tensor]]
"""theta [P] -> (loss [], d loss / d theta [P]) of one batch."""


@dataclass(frozen=True, kw_only=True)
class Objective(Settings):
    """Settings of the loss."""

    warmup: float = setting(1.0, above=0, at_most=1, help="factor of the loss in the first epoch; 1: no warm-up")
    warmup_epochs: int = setting(10, at_least=1, epochs=True, help="epochs until the factor is 1")
    penalty: float = setting(0.0, at_least=0, help="weight of the gradient penalty (AST: 2)")
    # "pixel" had higher accuracy than "sample" on digits, and lower on Fashion-MNIST, at one image a class.
    penalty_norm: str = setting(
        "pixel", one_of=("pixel", "sample"), help="the gradient of each pixel, or of each sample, should have length 1"
    )

    def loss_scale(self, epoch: int) -> float:
        """c_e in epoch e = 0, 1, ..."""
        return min(1.0, self.warmup + (1 - self.warmup) * epoch / self.warmup_epochs)

    def objective(self, epoch: int, fit: ValueAndGradient, penalty: ValueAndGradient) -> ValueAndGradient:
        """The loss of a batch in an epoch, given its cross entropy and its R."""
        scale = self.loss_scale(epoch)
        if scale == 1 and not self.penalty:
            return fit

        def value_and_gradient(theta: Tensor) -> tuple[Tensor, Tensor]:
            loss, gradient = (scale * part for part in fit(theta))
            if not self.penalty:
                return loss, gradient
            rough, slope = penalty(theta)
            return loss + self.penalty * rough, gradient + self.penalty * slope

        return value_and_gradient


def penalty_of(slope: Float[Tensor, "b c h w"], norm: str) -> Float[Tensor, ""]:
    """R of a slope G, unweighted."""
    squares = slope.square().sum(1) if norm == "pixel" else slope.flatten(1).square().sum(1)
    # The root has no derivative at 0, which occurs exactly in blank regions behind ReLUs; the derivative is set to 0.
    lengths = torch.where(squares > 0, squares, 1).sqrt() * (squares > 0)
    return (lengths - 1).square().mean()


def penalty_and_gradient(
    step: Step, theta: Float[Tensor, " p"], images: Float[Tensor, "b c h w"], norm: str
) -> tuple[Float[Tensor, ""], Float[Tensor, " p"]]:
    """(R, d R / d theta)."""
    slope, tape = step.slope(theta, images)
    v, value = grad_and_value(lambda g: penalty_of(g, norm))(slope)
    return value, step.slope_product(theta, v, tape)


def penalty_and_gradient_of_many(
    net: Network, theta: Float[Tensor, " p"], images: Float[Tensor, "b c h w"], norm: str
) -> tuple[Float[Tensor, ""], Float[Tensor, " p"]]:
    """The same by differentiating twice, which works under torch.func.vmap."""
    gradient, value = grad_and_value(lambda at: penalty_of(grad(lambda x: net(at, x).sum())(images), norm))(theta)
    return value, gradient
