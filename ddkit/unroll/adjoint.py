"""The exact gradient of the unrolled loop by one forward and one backward pass over its steps.

Forward, the N student steps run without a graph, and only iterates and velocities are kept:

    u_i = momentum u_{i-1} + g_i        theta_{i+1} = theta_i - lr_i u_i        g_i = d CE(theta_i, x_i, y_i) / d theta

Backward, v is d loss / d theta_{i+1} and a is d loss / d u_i. With s_i the loss's own derivative at iterate i, which at
the end is 2 (theta_N - target) / |theta_0 - target|^2:

    d loss / d lr_i = - u_i . v         a <- momentum a - lr_i v
    (H a, X a, Y a) = d (g_i . a) / d (theta, x, y): the terms for v, the images and the labels
    v <- v + H a + s_i

No Hessian term is dropped; `gradient="detached"` drops H a on purpose (TESLA). The activation memory is that of one
step. Steps whose tape fits into `memory` are not computed a second time.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ddkit.memory import free_memory
from ddkit.steps import BatchShare, Network, Product, Step, convolution_precision, step_for
from ddkit.unroll.problem import Problem


class Solved(NamedTuple):
    """The loss and its gradients. `labels` is None if labels are classes; all are None without `backward`."""

    loss: Tensor
    images: Tensor | None = None
    labels: Tensor | None = None
    lr: Tensor | None = None


def budget(memory: int | None, problem: Problem) -> int:
    """Return the bytes for tapes: `memory`, or a quarter of the free memory if it is None."""
    return free_memory(problem.theta_0.device) // 4 if memory is None else memory


def walked(
    net: Network, precision: str, memory: int | None, problems: Sequence[Problem], backward: bool
) -> list[Solved]:
    """Solve trajectories one after another; on CUDA, operations are launched one by one."""
    first = problems[0].theta_0
    with convolution_precision(first.device, precision):
        step = step_for(net, first, precision)
        return [adjoint(step, problem, budget(memory, problem), backward) for problem in problems]


def walked_together(
    share: BatchShare, net: Network, precision: str, memory: int | None, problems: Sequence[Problem], backward: bool
) -> list[Solved]:
    """Solve trajectories whose batches are divided over ranks; the problems have this rank's rows.

    The loss and the derivative for lr are those of the whole batches. The derivatives for images and labels are those
    of this rank's rows. Ranks on a CPU share its memory for tapes.
    """
    first = problems[0].theta_0
    users = share.ranks.count if memory is None and not first.is_cuda else 1
    with convolution_precision(first.device, precision):
        step = share.of(step_for(net, first, precision))
        return [adjoint(step, problem, budget(memory, problem) // users, backward) for problem in problems]


def adjoint(step: Step, problem: Problem, memory: int, backward: bool = True) -> Solved:
    """Solve one trajectory. `memory` is the number of bytes for tapes.

    On a CPU the results of a fused step are inference tensors, of which every operation is cheaper.
    """
    with torch.inference_mode() if step.fused and problem.images.is_cpu else torch.no_grad():
        return _adjoint(step, problem, memory, backward)


def _adjoint(step: Step, problem: Problem, memory: int, backward: bool) -> Solved:
    images, labels, rates = problem.images.unbind(), problem.labels.unbind(), problem.lr.unbind()
    momentum, exact = problem.rules.momentum, problem.rules.gradient == "exact"
    iterates: list[Tensor] = [problem.theta_0]
    velocities: list[Tensor] = []
    tapes: dict[int, Any] = {}
    held = largest = 0
    for i, (x, y) in enumerate(zip(images, labels, strict=True)):
        keep = backward and memory > 0 and held + largest <= memory
        g = step.gradient(iterates[-1], x, y, keep=keep)
        if keep:
            largest = max(largest, g.tape_bytes)
            if held + g.tape_bytes <= memory:
                tapes[i], held = g.tape, held + g.tape_bytes
        velocities.append(momentum * velocities[-1] + g.theta if momentum and i else g.theta)
        iterates.append(iterates[-1] - rates[i] * velocities[-1])

    seeds: dict[int, Tensor] = {}
    loss = problem.theta_0.new_zeros(())
    for at, value, slope in problem.terms(iterates):
        loss = loss + value
        seeds[at] = seeds[at] + slope if at in seeds else slope
    if not backward:
        return Solved(loss)

    grad_images, grad_lr = torch.zeros_like(problem.images), torch.zeros_like(problem.lr)
    grad_labels = torch.zeros_like(problem.labels) if problem.labels.is_floating_point() else None
    v = torch.zeros_like(problem.theta_0)
    a = torch.zeros_like(v)
    for i in reversed(range(max(seeds))):
        if i + 1 in seeds:
            v = v + seeds[i + 1]
        grad_lr[i] = -(velocities[i] @ v)
        a = momentum * a - rates[i] * v
        product = step.product(iterates[i], images[i], labels[i], a, tapes.pop(i, None))
        if v.is_cuda and problem.rules.match == "nearest":
            product = _nothing_of_nothing(product, a)
        grad_images[i] = product.images
        if grad_labels is not None and product.labels is not None:
            grad_labels[i] = product.labels
        if exact:
            v = v + product.theta
    return Solved(loss, grad_images, grad_labels, grad_lr)


def _nothing_of_nothing(product: Product, a: Tensor) -> Product:
    """Return the product, or 0 if `a` is 0. Steps after the nearest iterate may have overflowed."""
    some = (a != 0).any()
    theta, images = torch.where(some, product.theta, 0), torch.where(some, product.images, 0)
    return Product(theta, images, None if product.labels is None else torch.where(some, product.labels, 0))
