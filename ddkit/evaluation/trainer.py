"""Train several fresh networks at once and measure their accuracy."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor
from torch.func import vmap

from ddkit.data import Augmentation, Part
from ddkit.evaluation.label_targets import Mixer, softened
from ddkit.evaluation.majority import balanced_accuracy
from ddkit.evaluation.optimiser import optimiser_of
from ddkit.evaluation.pool import Pool
from ddkit.evaluation.training import Training
from ddkit.nets import FlatNet, Stats, accuracy, cross_entropy, logits_of
from ddkit.steps import TRAINING, ConvNetStep, as_rows, convolution_precision, step_for

STACK_UP_TO = 32
"""Largest batch that is stacked over the networks by vmap on a CPU, if there is no fused step. On larger batches, one
network at a time is faster, because stacked convolutions are grouped. A stack is 1.7 times as fast at 10 images, and
0.2 to 0.6 times as fast at 64."""

CHUNK = 25
"""Steps whose batches are drawn at once."""

AHEAD = 2**22
"""Values of images that are gathered and augmented at once: a chunk of digits, or a few steps of larger images."""


@dataclass(frozen=True, eq=False)
class Trained:
    """Parameters [n, P] and stacked running statistics of n trained networks."""

    net: FlatNet
    theta: Tensor
    stats: dict[str, Tensor]

    def accuracy(self, part: Part) -> list[float]:
        """The accuracy of each network on `part`."""
        return [accuracy(net, theta, part.images, part.labels, stats) for net, theta, stats in self._one_by_one()]

    def balanced(self, part: Part) -> list[float]:
        """The balanced accuracy of each network on `part`; see `ddkit.evaluation.majority`."""
        logits = (logits_of(net, theta, part.images, stats) for net, theta, stats in self._one_by_one())
        return [balanced_accuracy(own.argmax(1), part.labels) for own in logits]

    def _one_by_one(self) -> Iterator[tuple[Callable[..., Tensor], Tensor, Stats | None]]:
        """Yield (function that computes logits, parameters, running statistics) of each network."""
        step = None if self.stats else _fused_on_cpu(self.net, self.theta)
        net = self.net if step is None else lambda theta, x, _: step.logits(theta, x)
        for i, theta in enumerate(self.theta):
            yield net, theta, {name: values[i] for name, values in self.stats.items()} or None

    def only(self, which: slice) -> "Trained":
        """A slice of the networks."""
        return Trained(self.net, self.theta[which], {name: values[which] for name, values in self.stats.items()})


def train_networks(
    net: FlatNet,
    pool: Pool,
    lr: Tensor,
    training: Training,
    dsa: Augmentation,
    generator: torch.Generator,
    *,
    start: Trained | None = None,
    watch: Callable[[int, Trained], None] | None = None,
    groups: int = 1,
) -> Trained:
    """Train n networks, each from its own initialisation, with its own batches and augmentation.

    Args:
        net: the network.
        pool: images, labels, and the members of each of the n networks.
        lr: learning rates [n].
        training: steps, batch and schedule.
        dsa: augmentation of every batch.
        generator: of all draws.
        start: networks whose training is continued; None: fresh networks.
        watch: is called after each step with the number of finished steps and the networks. The next step changes the
            networks in place.
        groups: number of groups of equal size, in the order of the members. All groups see the same batches.
    """
    members, targets = pool.members, pool.targets
    start = start or _fresh(net, len(members), generator, pool.images.device)
    theta, stats = start.theta.clone(), {name: values.clone() for name, values in start.stats.items()}
    optimiser, mixer = optimiser_of(training, lr, theta), Mixer(training, net.classes, generator)
    temperature = targets.temperature or 1.0
    factor = None if temperature == 1 else softened(theta[0], net.head_size, temperature)
    gradient_of = _gradients(net, theta[0], min(training.batch, members.shape[1]))
    batches = _batches(replace(pool, members=members[: len(members) // groups]), training, dsa, generator)
    for t, (x, y) in enumerate(batches):
        x, y = mixer.target(x, y, targets)
        if groups > 1:  # repeat copies
            x, y = (part.repeat(groups, *[1] * (part.dim() - 1)) for part in (x, y))
        with convolution_precision(theta.device, TRAINING):
            if factor is None:
                gradient = gradient_of(theta, x, y, stats)
            else:  # a head divided by T divides the logits by T; by the chain rule the gradient has the factor too
                gradient = gradient_of(theta * factor, x, y, stats) * factor * temperature**2
        optimiser.step(t, theta, gradient)
        if watch is not None:
            watch(t + 1, Trained(net, theta, stats))
    return Trained(net, theta, stats)


def _fresh(net: FlatNet, n: int, generator: torch.Generator, device: torch.device) -> Trained:
    """n networks with their initial parameters."""
    theta = torch.stack([net.init(generator) for _ in range(n)]).to(device)
    stats = {name: value.expand(n, *value.shape) for name, value in net.init_stats(theta[0]).items()}
    return Trained(net, theta, stats)


def _batches(
    pool: Pool, training: Training, dsa: Augmentation, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield augmented images [n, b, C, H, W] and labels [n, b, ...] of each step.

    Each network's images are a sequence of permutations of its members, cut into batches.
    """
    images, labels, members = pool.images, pool.labels, pool.members
    n, m = members.shape
    b = min(training.batch, m)
    left = torch.empty(n, 0, dtype=torch.long)
    for first in range(0, training.steps, CHUNK):
        steps = min(CHUNK, training.steps - first)
        while left.shape[1] < steps * b:
            order = torch.stack([torch.randperm(m, generator=generator) for _ in range(n)])
            left = torch.cat([left, members.cpu().gather(1, order)], 1)
        index, left = left[:, : steps * b], left[:, steps * b :]
        index = index.view(n, steps, b).transpose(0, 1).to(images.device)
        params = dsa.sample(generator, steps * n, b, (images.shape[-2], images.shape[-1]))
        at_once = max(1, AHEAD // (n * b * images[0].numel()))
        for begin in range(0, steps, at_once):
            own = index[begin : begin + at_once]
            some = params[begin * n : begin * n + len(own) * n]
            x = dsa.apply(images[own].flatten(0, 1), some).unflatten(0, (len(own), n))
            yield from zip(x, labels[own], strict=True)


def _fused_on_cpu(net: FlatNet, theta: Tensor) -> ConvNetStep | None:
    """The fused step on a CPU, where it is faster than stacked networks."""
    step = step_for(net, theta)
    return step if isinstance(step, ConvNetStep) and theta.device.type == "cpu" else None


def _gradients(net: FlatNet, theta: Tensor, batch: int) -> Callable[..., Tensor]:
    """A function for the gradients [n, P] of all networks at theta [n, P] on their batches."""
    step = _fused_on_cpu(net, theta)
    if step is not None:
        return step.train
    stack = net.stackable and (theta.is_cuda or batch <= STACK_UP_TO)
    return partial(_stacked if stack else _one_by_one, net)


def _stacked(net: FlatNet, theta: Tensor, x: Tensor, y: Tensor, stats: dict[str, Tensor]) -> Tensor:
    def loss(t: Tensor, x: Tensor, y: Tensor, s: dict[str, Tensor]) -> Tensor:
        return cross_entropy(net.train(t, x, s), y)

    theta = theta.detach().requires_grad_()
    return torch.autograd.grad(vmap(loss)(theta, x, y, stats).sum(), theta)[0]


def _one_by_one(net: FlatNet, theta: Tensor, x: Tensor, y: Tensor, stats: dict[str, Tensor]) -> Tensor:
    gradients = []
    for i, each in enumerate(theta.detach()):
        own = {name: values[i] for name, values in stats.items()}
        at = each.requires_grad_()
        gradients += torch.autograd.grad(cross_entropy(net.train(at, x[i], own), y[i]), at)
    return as_rows(gradients)
