"""Experts of a curriculum: flat experts that see easy images first, as in PAD (Li et al., 2024).

The images are sorted by difficulty (`difficulty`). In epoch e an expert is trained on the images between the shares

    removed(e)    and    initial_share + (1 - initial_share) min(1, e / all_epoch)

of that order. `removed` is 0 at first, and grows by `removed_share` at `first_removal` and at `second_removal`. So an
expert begins with the easiest images, sees all of them from epoch `all_epoch` on, and loses the easiest ones later.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import ClassVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from ddkit.data import Part
from ddkit.errors import RecipeError
from ddkit.experts.difficulty import el2n, from_easy_to_hard
from ddkit.experts.flat import FlatExperts
from ddkit.experts.population_stats import population_stats
from ddkit.experts.train import train_experts
from ddkit.nets import logits_of
from ddkit.randomness import stream
from ddkit.recipe import setting
from ddkit.task import Task


@dataclass(frozen=True, kw_only=True)
class CurriculumExperts(FlatExperts):
    """Settings of experts of a curriculum. The defaults are PAD's for CIFAR-10; epochs count from 0."""

    name: ClassVar[str] = "curriculum"
    initial_share: float = setting(0.75, above=0, at_most=1, help="share of the images in epoch 0 (PAD: IR)")
    all_epoch: int = setting(20, at_least=1, epochs=True, help="first epoch of all images (PAD: AEE)")
    removed_share: float = setting(0.1, at_least=0, below=0.5, help="share of the easiest images of one removal")
    first_removal: int = setting(40, at_least=1, epochs=True, help="first epoch without the easiest share")
    second_removal: int = setting(60, at_least=1, epochs=True, help="first epoch without twice the easiest share")
    scorers: int = setting(1, at_least=1, help="networks that measure the difficulty of the images")
    scoring_epochs: int = setting(10, at_least=1, epochs=True, help="epochs of their training")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.initial_share <= 2 * self.removed_share:
            raise RecipeError(
                f"key 'experts.initial_share': must be above twice removed_share, {2 * self.removed_share:g}, so that "
                f"no epoch is empty; got {self.initial_share:g}"
            )

    def lessons(self, task: Task) -> Callable[[int], Part]:
        train, order = task.real.train, _order(task, self)

        def part_of(epoch: int) -> Part:
            first, last = self.shares(epoch)
            rows = order[round(first * len(order)) : max(1, round(last * len(order)))]
            return Part(train.images[rows], train.labels[rows])

        return part_of

    def shares(self, epoch: int) -> tuple[float, float]:
        """Return the shares of the sorted images between which an expert is trained in epoch e = 0, 1, ..."""
        grown = min(1.0, epoch / self.all_epoch)
        removals = (epoch >= self.first_removal) + (epoch >= self.second_removal)
        return removals * self.removed_share, self.initial_share + (1 - self.initial_share) * grown


_orders: WeakKeyDictionary[Task, dict[CurriculumExperts, Tensor]] = WeakKeyDictionary()
"""The orders of tasks that are in use: a process that trains several experts of one task computes its order once."""


def _order(task: Task, settings: CurriculumExperts) -> Tensor:
    """Return the numbers of the training images by growing difficulty, computed once for each task and settings."""
    orders = _orders.setdefault(task, {})
    if settings not in orders:
        orders[settings] = _measured_order(task, settings)
    return orders[settings]


def _measured_order(task: Task, settings: CurriculumExperts) -> Tensor:
    """Measure the difficulty of the training images with scorers, which are flat experts of all images."""
    train = task.real.train
    common = {field.name: getattr(settings, field.name) for field in fields(FlatExperts)}
    generators = [stream(settings.seed, "difficulty", number) for number in range(settings.scorers)]
    *_, (theta, _) = train_experts(task, FlatExperts(**common), settings.scoring_epochs, generators)
    with torch.no_grad():
        logits = [
            logits_of(task.net, own, train.images, population_stats(task.net, own, train.images) or None)
            for own in theta
        ]
    return from_easy_to_hard(el2n(torch.stack(logits), train.labels))
