"""DM: Dataset Condensation with Distribution Matching (Zhao and Bilen, WACV 2023).

Each iteration draws an untrained network. For each class it compares the mean features of the synthetic images with
those of a real batch, both augmented with the same parameters, and descends the loss

    loss = sum over classes |mean f(real) - mean f(synthetic)|^2,   f: the flattened features before the classifier

With batch norm all classes pass through the network in one batch, as in the published code. Otherwise they pass one at
a time, so that memory does not grow with the number of classes. Then several ranks can divide the classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from ddkit.data import DSAParams
from ddkit.errors import UsageError
from ddkit.methods.class_batches import ClassBatchCosts, ClassBatches
from ddkit.methods.contract import Context
from ddkit.methods.descent import MOMENTUM, moved
from ddkit.methods.division import of_own_classes
from ddkit.methods.effort import FORWARD, Effort
from ddkit.methods.initial import initial_images
from ddkit.methods.learned import LearnedImages
from ddkit.methods.method_settings import MethodSettings
from ddkit.methods.starting import starting_images
from ddkit.nets import FlatNet
from ddkit.randomness import restored, stream
from ddkit.recipe import setting
from ddkit.steps import convolution_precision, training_memory
from ddkit.synth import SyntheticSet
from ddkit.task import Task


@dataclass(frozen=True, kw_only=True)
class DMSettings(ClassBatchCosts, LearnedImages, MethodSettings):
    """Settings of DM, with the paper's names."""

    name: ClassVar[str] = "dm"
    uneven: ClassVar[bool] = True
    iterations: int = setting(20000, at_least=1, help="networks; each is drawn for one iteration")
    batch_real: int = setting(256, at_least=1, help="real images of a class in a batch")
    lr_img: float = setting(1.0, above=0, help="learning rate of the images (the paper: 10 from 100 images a class on)")

    @property
    def total_iterations(self) -> int:
        return self.iterations

    def effort(self, task: Task) -> Effort:
        classes, counts, views = task.net.classes, self.counts(task.real), self.views
        real = self.largest_batch(task)
        passes = self.iterations * (FORWARD * real * classes + counts.total * views)
        all_classes, one_class = real * classes + counts.total * views, real + counts.largest * views
        return Effort(passes, training_memory(task.net, 1, all_classes if task.net.has_stats else one_class))

    def refuse_ranks(self, ranks: int, net: FlatNet) -> None:
        super().refuse_ranks(ranks, net)
        if net.has_stats:
            raise UsageError(
                f"method '{self.name}': passes all classes through a network with batch norm in one batch, which ranks "
                "cannot divide; use net.norm=instance, or leave torchrun out"
            )


@dataclass(frozen=True, eq=False)
class DMState:
    """Images [n, C, H, W] with their momentum, and the generator's state."""

    images: Tensor
    image_velocity: Tensor
    rng: Tensor


@final
class DM:
    """Distribution matching. The set is the last iterate."""

    settings_class = DMSettings
    state_class = DMState
    loss_limit = None
    blame = "lower method.lr_img"

    def __init__(self, settings: DMSettings, context: Context) -> None:
        self._settings, self._context = settings, context
        self._counts = settings.counts(context.real)
        self._real = ClassBatches(context.real.train, context.real.data.class_count)

    @property
    def iterations(self) -> int:
        return self._settings.total_iterations

    def init(self) -> DMState:
        context, counts, generator = self._context, self._counts, stream(self._context.seed, "condense")
        images = starting_images(
            self._settings, counts, context, lambda pix_init, small: initial_images(pix_init, small, context, generator)
        )
        return DMState(images, torch.zeros_like(images), generator.get_state())

    def step(self, state: DMState) -> tuple[DMState, Mapping[str, Tensor | float]]:
        settings, net = self._settings, self._context.net
        generator = restored(state.rng)
        theta = self._context.fresh_network(generator)
        images = list(self._counts.split(state.images))
        drawn = [self._draw(c, generator) for c in range(len(images))]
        together = len(images) if net.has_stats else 1
        groups = [range(first, first + together) for first in range(0, len(images), together)]
        with convolution_precision(self._context.device, "float32"):
            loss, gradient = of_own_classes(
                self._context.ranks,
                groups,
                self._counts,
                state.images,
                lambda classes: self._match(theta, classes, images, drawn),
            )
        moved_images, velocity = moved(state.images, state.image_velocity, gradient, settings.lr_img, MOMENTUM)
        return DMState(moved_images, velocity, generator.get_state()), {"loss": loss}

    def _draw(self, c: int, generator: torch.Generator) -> tuple[Tensor, DSAParams]:
        """Draw a real batch of class c, and the parameters that augment it and the synthetic images."""
        real = self._real.draw(c, self._settings.batch_real, generator)
        return real, self._context.dsa.sample(generator, 1, None, self._context.real.data.shape[1:])

    def _match(
        self, theta: Tensor, classes: range, images: list[Tensor], drawn: list[tuple[Tensor, DSAParams]]
    ) -> tuple[Tensor, Tensor]:
        """The loss [] of these classes, and its derivative for their images."""
        own = [images[c].detach().requires_grad_() for c in classes]
        pairs = [self._pair(x, *drawn[c]) for c, x in zip(classes, own, strict=True)]
        real, synthetic = zip(*pairs, strict=True)
        with torch.no_grad():
            target = self._mean_features(theta, real)
        loss = (target - self._mean_features(theta, synthetic)).square().sum()
        return loss.detach(), torch.cat(torch.autograd.grad(loss, own))

    def _pair(self, images: Tensor, real: Tensor, params: DSAParams) -> list[Tensor]:
        """A real batch of a class and its synthetic images, augmented with the same parameters."""
        return self._context.dsa.siamese(params, self._real.images(real), self._settings.expand(images))

    def _mean_features(self, theta: Tensor, batches: tuple[Tensor, ...]) -> Tensor:
        """The mean features of each batch, [len(batches), features]."""
        features = self._context.net.features(theta, torch.cat(batches)).split([len(batch) for batch in batches])
        return torch.stack([own.mean(0) for own in features])

    def finish(self, state: DMState) -> SyntheticSet:
        return self._context.as_set(self._settings, state.images)
