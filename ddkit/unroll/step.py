"""What every engine shares: the inner loss, its gradient, and the distance to the expert."""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from ddkit.nets import cross_entropy


@runtime_checkable
class Network(Protocol):
    """A network as a pure function of one flat parameter vector."""

    def __call__(self, theta: Tensor, x: Tensor, /) -> Tensor:
        """Logits [B, K] of images [B, C, H, W] under parameters [P]."""
        ...


def inner_loss(net: Network, theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Mean cross entropy of one batch; `y` holds classes [B] or probabilities [B, K]."""
    return cross_entropy(net(theta, x), y)


def gradient(net: Network, theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """d inner_loss / d theta, without a graph."""
    with torch.enable_grad():
        theta = theta.detach().requires_grad_()
        loss = inner_loss(net, theta, x.detach(), y.detach())
        return torch.autograd.grad(loss, theta)[0]


def relative_distance(theta: Tensor, theta_0: Tensor, theta_target: Tensor) -> Tensor:
    """|theta - target|^2 / |theta_0 - target|^2: 1 where the student started, 0 where it should arrive."""
    return (theta - theta_target).square().sum() / (theta_0 - theta_target).square().sum()
