"""Gradient matching: the synthetic images of a class learn to give a network the gradient that real images give.

DC (Zhao et al., ICLR 2021) and DSA (Zhao and Bilen, ICML 2021) draw `iterations` networks. Each network is matched
`outer_loop` times. One matching compares, for every class, the gradients of a real batch and of the class's synthetic
images (`gradient_distance`), and then moves all images by one SGD step. Between two matchings the network trains on the
set for `inner_loop` epochs. Classes are matched one at a time, so that memory does not grow with their number, except
in the forward pass that computes the statistics of batch norms. Several ranks divide the classes, and the batches of
the training between two matchings.

The derivative of the distance is one `Step.product` along d distance / d gradient. It is exact, and where the network
has a fused step it needs no second backward pass through autograd's graph.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from ddkit.data import DSAParams
from ddkit.device_copy import to_device
from ddkit.methods.class_batches import ClassBatchCosts, ClassBatches
from ddkit.methods.contract import Context
from ddkit.methods.descent import MOMENTUM, moved
from ddkit.methods.division import of_own_classes
from ddkit.methods.effort import SECOND, Effort
from ddkit.methods.gradient_distance import DISTANCES, gradient_distance
from ddkit.methods.initial import initial_images
from ddkit.methods.learned import LearnedImages
from ddkit.methods.method_settings import MethodSettings
from ddkit.methods.starting import starting_images
from ddkit.randomness import restored, stream
from ddkit.ranks import ALONE
from ddkit.recipe import setting
from ddkit.steps import AutogradStep, BatchShare, Step, convolution_precision, step_for, training_memory, training_step
from ddkit.synth import SyntheticSet
from ddkit.task import Task

LOOPS = {1: (1, 1), 10: (10, 50), 20: (20, 25), 30: (30, 20), 40: (40, 15), 50: (50, 10)}
"""ipc -> (outer_loop, inner_loop) in the published code, which supports no other ipc."""

Draw = tuple[Tensor, DSAParams | None]
"""The numbers of a class's real batch, and the parameters of its augmentation."""


@dataclass(frozen=True, kw_only=True)
class GradientSettings(ClassBatchCosts, LearnedImages, MethodSettings):
    """Settings of gradient matching, with the paper's names."""

    uneven: ClassVar[bool] = True
    iterations: int = setting(1000, at_least=1, help="networks, one after another")
    outer_loop: int | None = setting(None, at_least=1, help="matchings of a network; none: the paper's for this ipc")
    inner_loop: int | None = setting(
        None, at_least=0, help="epochs on the set between two matchings; none: the paper's for this ipc"
    )
    batch_real: int = setting(256, at_least=1, help="real images of a class in a batch")
    batch_train: int = setting(256, at_least=1, help="stored images in a batch of the inner loop")
    lr_img: float = setting(0.1, above=0, help="learning rate of the images (network space)")
    lr_net: float = setting(0.01, above=0, help="learning rate of the inner loop")
    dis_metric: str = setting("ours", one_of=DISTANCES, help="distance of two gradients")
    augmented: bool = setting(False, help="augment images by data.augment in matching and inner loop")

    def loops_at(self, ipc: int) -> tuple[int, int]:
        """(outer_loop, inner_loop). Where the paper has none for this ipc, those of the next larger ipc.

        If classes are uneven, `ipc` is their mean, rounded up.
        """
        outer, inner = next((pair for most, pair in LOOPS.items() if ipc <= most), LOOPS[50])
        return self.outer_loop or outer, inner if self.inner_loop is None else self.inner_loop

    @property
    def total_iterations(self) -> int | None:
        """The matchings of all networks. None: the paper's number for a network depends on the sizes of the classes."""
        if isinstance(self.ipc, int):
            return self.iterations * self.loops_at(self.ipc)[0]
        return None if self.outer_loop is None else self.iterations * self.outer_loop

    def effort(self, task: Task) -> Effort:
        counts, views = self.counts(task.real), self.views
        outer, inner = self.loops_at(counts.mean)
        images, real = counts.total * views, self.largest_batch(task)
        passes = outer * (task.net.classes * real + SECOND * images) + (outer - 1) * inner * images
        largest = max(real + SECOND * counts.largest * views, min(self.batch_train, images))
        return Effort(float(self.iterations * passes), training_memory(task.net, 1, largest))


@dataclass(frozen=True, eq=False)
class GradientState:
    """Images [n, C, H, W], their momentum, the network [P], the number of its matchings, and the generator's state."""

    images: Tensor
    image_velocity: Tensor
    theta: Tensor
    matched: int
    rng: Tensor


class GradientMatching:
    """Base class of DC and DSA. One iteration matches all classes, then trains the network."""

    state_class = GradientState
    loss_limit = None
    blame = "lower method.lr_img"

    def __init__(self, settings: GradientSettings, context: Context) -> None:
        self._settings, self._context = settings, context
        self._counts = settings.counts(context.real)
        self._loops = settings.loops_at(self._counts.mean)
        self._labels = context.labels(self._counts.times(settings.parts))
        self._real = ClassBatches(context.real.train, context.real.data.class_count)

    @property
    def iterations(self) -> int:
        return self._settings.iterations * self._loops[0]

    def init(self) -> GradientState:
        context, counts, generator = self._context, self._counts, stream(self._context.seed, "condense")
        images = starting_images(
            self._settings, counts, context, lambda pix_init, small: initial_images(pix_init, small, context, generator)
        )
        return GradientState(
            images=images,
            image_velocity=torch.zeros_like(images),
            theta=context.fresh_network(generator),
            matched=0,
            rng=generator.get_state(),
        )

    def step(self, state: GradientState) -> tuple[GradientState, Mapping[str, Tensor | float]]:
        settings, context = self._settings, self._context
        generator = restored(state.rng)
        with convolution_precision(context.device, "float32"):
            step = self._frozen_step(state.theta, generator)
            classes = range(context.real.data.class_count)
            drawn, own = [self._draw(c, generator) for c in classes], self._counts.split(state.images)
            loss, gradient = of_own_classes(
                context.ranks,
                [range(c, c + 1) for c in classes],
                self._counts,
                state.images,
                lambda group: self._match(step, state.theta, group.start, own[group.start], drawn[group.start]),
            )
        images, velocity = moved(state.images, state.image_velocity, gradient, settings.lr_img, MOMENTUM)
        matched, (outer, inner) = state.matched + 1, self._loops
        if matched < outer:
            with convolution_precision(context.device, "float32"):
                theta = self._trained(state.theta, images, inner, generator)
        else:
            matched, theta = 0, context.fresh_network(generator)
        new = GradientState(
            images=images, image_velocity=velocity, theta=theta, matched=matched, rng=generator.get_state()
        )
        return new, {"loss": loss}

    def _draw(self, c: int, generator: torch.Generator) -> Draw:
        """Draw the numbers of a real batch of class c, and the parameters that augment it and the synthetic images."""
        real = self._real.draw(c, self._settings.batch_real, generator)
        side = self._context.real.data.shape[1:]
        return real, self._context.dsa.sample(generator, 1, None, side) if self._settings.augmented else None

    def _match(self, step: Step, theta: Tensor, c: int, images: Tensor, drawn: Draw) -> tuple[Tensor, Tensor]:
        """The distance of class c's gradients [], and its derivative for the class's images [n, C, H, W]."""
        settings, context = self._settings, self._context
        real, params = self._real.images(drawn[0]), drawn[1]
        images = images.detach().requires_grad_()
        x = settings.expand(images)
        if params is not None:
            real, x = context.dsa.siamese(params, real, x)
        label = torch.full((1,), c, device=context.device)
        target = step.gradient(theta, real, label.expand(len(real))).theta
        at, y = x.detach(), label.expand(len(x))
        found = step.gradient(theta, at, y, keep=True)
        own = found.theta.requires_grad_()
        distance = gradient_distance(context.net, target, own, settings.dis_metric)
        (along,) = torch.autograd.grad(distance, own)
        (gradient,) = torch.autograd.grad(x, images, step.product(theta, at, y, along, found.tape).images)
        return distance.detach(), gradient

    def _frozen_step(self, theta: Tensor, generator: torch.Generator) -> Step:
        """The network's step. Batch norms have the statistics of BN_IMAGES real images of each class.

        The published code starts running statistics at mean 0 and variance 1, moves them by a tenth towards those of
        these images, and keeps them across the inner loop.
        """
        net = self._context.net
        stats = self._real.statistics(net, theta, generator)
        return step_for(net, theta) if stats is None else AutogradStep(partial(net, stats=stats), theta.dtype)

    def _trained(self, theta: Tensor, images: Tensor, epochs: int, generator: torch.Generator) -> Tensor:
        """The network's parameters after `epochs` epochs of plain SGD on the set.

        Ranks divide each batch. A batch of a network with batch norm cannot be divided: each rank computes all of it.
        """
        settings, context = self._settings, self._context
        step, side = training_step(context.net, theta), context.real.data.shape[1:]
        ranks = ALONE if context.net.has_stats else context.ranks
        for _ in range(epochs):
            for index in torch.randperm(len(images), generator=generator).split(settings.batch_train):
                drawn = to_device(index, context.device)
                x, y = settings.expand(images[drawn]), self._labels[settings.expand_index(drawn)]
                if settings.augmented:
                    x = context.dsa.apply(x[None], context.dsa.sample(generator, 1, len(x), side))[0]
                whole = step if ranks.count == 1 else BatchShare(ranks, len(x)).of(step)
                rows = ranks.rows(len(x))
                theta = theta - settings.lr_net * whole.gradient(theta, x[rows], y[rows]).theta
        return theta

    def finish(self, state: GradientState) -> SyntheticSet:
        return self._context.as_set(self._settings, state.images)
