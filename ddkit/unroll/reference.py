"""The oracle: unroll the inner loop with its whole autograd graph (memory grows with the number of steps)."""

import torch
from torch import Tensor

from ddkit.unroll.step import Network, inner_loss, relative_distance


def reference(
    net: Network, theta_0: Tensor, theta_target: Tensor, images: Tensor, labels: Tensor, lr: Tensor
) -> Tensor:
    """The matching loss by ordinary autograd through every step; see `ddkit.unroll.matching_loss`."""
    theta = theta_0.requires_grad_()
    for x, y, step_size in zip(images, labels, lr, strict=True):
        (g,) = torch.autograd.grad(inner_loss(net, theta, x, y), theta, create_graph=True)
        theta = theta - step_size * g
    return relative_distance(theta, theta_0.detach(), theta_target)
