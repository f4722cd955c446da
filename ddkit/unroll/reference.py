"""The oracle: unrolls the inner loop with its whole autograd graph. Memory grows with the number of steps."""

import torch
from torch import Tensor

from ddkit.nets import cross_entropy
from ddkit.steps import Network
from ddkit.unroll.problem import Problem


def reference(net: Network, problem: Problem) -> Tensor:
    """Compute the matching loss by ordinary autograd through every step; see `ddkit.unroll.matching_loss`."""
    theta = problem.theta_0.detach().requires_grad_()
    iterates = [theta]
    velocity = torch.zeros_like(theta)
    for x, y, step_size in zip(problem.images, problem.labels, problem.lr, strict=True):
        at = theta if problem.rules.gradient == "exact" else theta.detach().requires_grad_()
        (g,) = torch.autograd.grad(cross_entropy(net(at, x), y), at, create_graph=True)
        velocity = problem.rules.momentum * velocity + g
        theta = theta - step_size * velocity
        iterates.append(theta)
    return torch.stack([value for _, value, _ in problem.terms(iterates)]).sum()
