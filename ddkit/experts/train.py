"""Train experts on the real data and yield their parameters after every epoch."""

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Generator, Tensor
from torch.func import grad_and_value, vmap

from ddkit.experts.batches import Batch, epoch_batches
from ddkit.experts.objective import penalty_and_gradient, penalty_and_gradient_of_many
from ddkit.experts.settings import ExpertSettings
from ddkit.nets import FlatNet, cross_entropy
from ddkit.steps import SGD, TRAINING, Step, as_rows, convolution_precision, training_step
from ddkit.task import Task


def train_experts(
    task: Task, settings: ExpertSettings, epochs: int, generators: Sequence[Generator]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (theta [E, P], mean training losses [E]) at initialisation (losses nan) and after each of `epochs` epochs.

    There is one expert for each generator. They are trained on the device of the training part: on CUDA stacked, on a
    CPU one after another in each step. An expert draws from its own generator only, so it is the same in any group (on
    a CPU to the byte), and its first e + 1 snapshots do not depend on the number of later epochs.

    Every snapshot is a tensor of its own. In the published code, `p.detach().cpu()` is a view of the trained parameters
    on a CPU, so that all snapshots equal the last one. No step waits for the device.
    """
    net, part_of = task.net, settings.lessons(task)
    theta = torch.stack([net.init(generator) for generator in generators]).to(task.device)
    descent = SGD(theta)
    stack = theta.is_cuda and net.stackable
    directions = partial(stacked, net) if stack else partial(one_by_one, training_step(net, theta))
    yield theta, theta.new_full((len(theta),), torch.nan)
    for epoch in range(epochs):
        part = part_of(epoch)
        theta, total = theta.clone(), theta.new_zeros(len(theta))  # the caller keeps the last one
        for batch in epoch_batches(part, settings.batch, task.dsa, generators):
            with convolution_precision(theta.device, TRAINING):
                losses, direction = directions(settings, epoch, theta, batch)
            descent.step(theta, direction, settings.lr_in(epoch), settings.momentum, settings.weight_decay)
            total += losses * batch.labels.shape[1]
        yield theta, total / len(part)


def train_expert(
    task: Task, settings: ExpertSettings, epochs: int, generator: Generator
) -> Iterator[tuple[Tensor, float]]:
    """`train_experts` for one expert: yields (theta [P], mean training loss)."""
    for theta, losses in train_experts(task, settings, epochs, [generator]):
        yield theta[0], float(losses[0])


def one_by_one(step: Step, settings: ExpertSettings, epoch: int, theta: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Losses [E] and directions [E, P] at theta [E, P]. Each expert uses its own images of the batch."""

    def one(own: Tensor, images: Tensor, labels: Tensor, plain: Tensor) -> tuple[Tensor, Tensor]:
        def fit(at: Tensor) -> tuple[Tensor, Tensor]:
            gradient = step.gradient(at, images, labels)
            return gradient.loss, gradient.theta

        def penalty(at: Tensor) -> tuple[Tensor, Tensor]:
            return penalty_and_gradient(step, at, plain, settings.penalty_norm)

        return settings.direction(settings.objective(epoch, fit, penalty), own)

    losses, directions = zip(*map(one, theta, *batch), strict=True)
    return torch.stack(losses), as_rows(directions)


def stacked(net: FlatNet, settings: ExpertSettings, epoch: int, theta: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """The same for all experts at once, by vmap over autograd."""

    def one(own: Tensor, images: Tensor, labels: Tensor, plain: Tensor) -> tuple[Tensor, Tensor]:
        def fit(at: Tensor) -> tuple[Tensor, Tensor]:
            gradient, loss = grad_and_value(lambda at: cross_entropy(net(at, images), labels))(at)
            return loss, gradient

        def penalty(at: Tensor) -> tuple[Tensor, Tensor]:
            return penalty_and_gradient_of_many(net, at, plain, settings.penalty_norm)

        return settings.direction(settings.objective(epoch, fit, penalty), own)

    return vmap(one)(theta, *batch)
