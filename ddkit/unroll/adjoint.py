"""The exact gradient of the unrolled loop in the activation memory of one step.

Forward, the N gradient steps run without a graph and only the iterates theta_0 .. theta_N are kept. Backward, a
cotangent v walks from theta_N to theta_0; with g_i = d CE(theta_i, x_i, y_i) / d theta,

    v_N = 2 (theta_N - target) / |theta_0 - target|^2
    d loss / d lr_i = - g_i . v_{i+1}
    (H v, X v, Y v) = d (g_i . v_{i+1}) / d (theta, x, y)
    d loss / d x_i = - lr_i X v        d loss / d y_i = - lr_i Y v        v_i = v_{i+1} - lr_i H v

No Hessian term is dropped: TESLA's two-pass gradient, which keeps v constant, is an approximation and not this.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ddkit.unroll.step import Network, gradient, inner_loss, relative_distance


def adjoint(net: Network, theta_0: Tensor, theta_target: Tensor, images: Tensor, labels: Tensor, lr: Tensor) -> Tensor:
    """The matching loss with the adjoint as its backward; see `ddkit.unroll.matching_loss`."""
    return _Unroll.apply(net, theta_0, theta_target, images, labels, lr)


class _Unroll(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, net: Network, theta_0: Tensor, theta_target: Tensor, images: Tensor, labels: Tensor, lr: Tensor
    ) -> Tensor:
        iterates = [theta_0]
        for x, y, step_size in zip(images, labels, lr, strict=True):
            iterates.append(iterates[-1] - step_size * gradient(net, iterates[-1], x, y))
        ctx.net = net
        ctx.save_for_backward(torch.stack(iterates), theta_target, images, labels, lr)
        return relative_distance(iterates[-1], theta_0, theta_target)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor) -> tuple[Tensor | None, ...]:
        iterates, theta_target, images, labels, lr = ctx.saved_tensors
        want_labels = ctx.needs_input_grad[4]
        grad_images, grad_lr = torch.empty_like(images), torch.empty_like(lr)
        grad_labels = torch.empty_like(labels) if want_labels else None
        v = grad_loss * 2 * (iterates[-1] - theta_target) / (iterates[0] - theta_target).square().sum()
        for i in reversed(range(len(images))):
            theta = iterates[i].detach().requires_grad_()
            x = images[i].detach().requires_grad_()
            y = labels[i].detach().requires_grad_(want_labels)
            with torch.enable_grad():
                (g,) = torch.autograd.grad(inner_loss(ctx.net, theta, x, y), theta, create_graph=True)
                inputs = (theta, x, y) if want_labels else (theta, x)
                products = torch.autograd.grad(g @ v, inputs)
            grad_lr[i] = -(g.detach() @ v)
            grad_images[i] = -lr[i] * products[1]
            if grad_labels is not None:
                grad_labels[i] = -lr[i] * products[2]
            v = v - lr[i] * products[0]
        return None, None, None, grad_images, grad_labels, grad_lr
