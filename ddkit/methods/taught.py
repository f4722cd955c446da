"""The images and labels that a set begins with, where experts may choose and name them."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ddkit.data import select
from ddkit.errors import RecipeError
from ddkit.experts import Trajectories, population_stats
from ddkit.methods.ask_experts import Ask, first_right, taught_labels
from ddkit.methods.contract import Context
from ddkit.methods.initial import PIX_INIT, InitialImages, initial_images
from ddkit.nets import logits_of
from ddkit.recipe import setting

CHOSEN_BY_EXPERTS = ("representative", "samples_predicted_correctly")
"""Initial images that are chosen by experts."""


@dataclass(frozen=True, kw_only=True)
class TaughtSet(InitialImages):
    """Initial images and labels of a method that has experts.

    Beside the images of `InitialImages`: representative (AST): of each class the real images nearest to ipc cluster
    centres of one expert's logits. (Its code makes ten clusters whatever the ipc and takes ipc // 10 images of each:
    none below ten images a class.) samples_predicted_correctly (DATM): random images among those that the first expert
    classifies correctly; where they do not suffice, among the second one's, and so on, and in the end whatever the
    class has.
    """

    fixed: ClassVar[tuple[str, ...]] = (*InitialImages.fixed, "soft_labels", "teacher_epoch")
    pix_init: str = setting("real", one_of=(*PIX_INIT, *CHOSEN_BY_EXPERTS), help="initial images")
    soft_labels: bool = setting(False, help="labels are probabilities, begun at the mean logits of experts (DATM)")
    teacher_epoch: int | None = setting(
        None,
        at_least=1,
        epochs=True,
        help="epoch at which experts choose images and give labels; none: the last one matched",
    )

    @property
    def asks_teachers(self) -> bool:
        """Whether images or labels depend on experts."""
        return self.pix_init in CHOSEN_BY_EXPERTS or self.soft_labels

    def refuse_labels_of_noise(self) -> None:
        """Raise RecipeError if experts would have to name what is on images of noise."""
        if self.soft_labels and self.pix_init == "noise":
            raise RecipeError(
                "key 'method.pix_init': experts cannot label noise; with soft_labels begin at real images"
            )


def taught_images(
    pix_init: str, ipc: int, context: Context, experts: Trajectories, epoch: int, generator: torch.Generator
) -> Tensor:
    """ipc images of each class [classes * ipc, C, H, W], class by class; experts teach as they were after `epoch`."""
    train = context.real.train
    if pix_init == "samples_predicted_correctly":
        order = torch.randperm(len(train), generator=generator).to(context.device)
        ask = _asking(context, experts, epoch)
        ranks = first_right(ask, experts.count, train.images, train.labels, ipc)
        order = order[ranks[order].argsort(stable=True)]
        mine = [order[train.labels[order] == c][:ipc] for c in range(context.real.data.class_count)]
        return train.images[torch.cat(mine)].clone()
    if pix_init == "representative":
        expert = int(torch.randint(experts.count, (), generator=generator))
        logits = _asking(context, experts, epoch)(expert, train.images)
        return train.images[select("kmeans", logits, train.labels, ipc, generator)].clone()
    return initial_images(pix_init, ipc, context, generator)


def initial_logits(context: Context, experts: Trajectories, epoch: int, images: Tensor, labels: Tensor) -> Tensor:
    """The logits [n, K] that soft labels begin at; their softmax is the label."""
    return taught_labels(_asking(context, experts, epoch), experts.count, images, labels)


def _asking(context: Context, experts: Trajectories, epoch: int) -> Ask:
    """What an expert says of images. Batch norms take the statistics of all training images, as a batch's would depend
    on the images that happen to be asked about together, in data that lies class by class on one class."""

    def ask(expert: int, images: Tensor) -> Tensor:
        theta = experts.row(expert, epoch)
        stats = population_stats(context.net, theta, context.real.train.images)
        return logits_of(context.net, theta, images, stats or None)

    return ask
