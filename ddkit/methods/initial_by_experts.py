"""Initial images and labels of a set that experts choose."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ddkit.data import Counts, select
from ddkit.device_copy import to_device
from ddkit.errors import RecipeError
from ddkit.experts import Trajectories, population_stats
from ddkit.methods.contract import Context
from ddkit.methods.expert_predictions import Predict, correct_mean_logits, first_correct
from ddkit.methods.given import GIVEN
from ddkit.methods.initial import PIX_INIT, InitialImages, initial_images
from ddkit.nets import logits_of
from ddkit.recipe import setting

CHOSEN_BY_EXPERTS = ("representative", "samples_predicted_correctly")
"""Initial images that are chosen by experts."""


@dataclass(frozen=True, kw_only=True)
class InitialSet(InitialImages):
    """Initial images and labels of a method that has experts.

    `pix_init` has two values beside those of `InitialImages`.

    representative (AST): for each class, the real images nearest to ipc cluster centres of one expert's logits. (AST's
    code makes ten clusters for every ipc and uses ipc // 10 images of each, hence none if ipc is below 10.)

    samples_predicted_correctly (DATM): random images that the first expert classifies correctly. If a class has too few
    of them, images that the second expert classifies correctly follow, and so on; the last are any images of the class.
    """

    fixed: ClassVar[tuple[str, ...]] = (*InitialImages.fixed, "soft_labels", "teacher_epoch")
    pix_init: str = setting("real", one_of=(*PIX_INIT, *CHOSEN_BY_EXPERTS), or_file=GIVEN, help="initial images")
    soft_labels: bool = setting(False, help="labels are probabilities that start at the experts' mean logits (DATM)")
    teacher_epoch: int | None = setting(
        None,
        at_least=1,
        epochs=True,
        help="epoch of the experts that choose initial images and labels; none: the last one matched",
    )

    @property
    def labelled_by_experts(self) -> bool:
        """Whether experts give the initial labels."""
        return self.soft_labels

    @property
    def uses_experts(self) -> bool:
        """Whether experts choose the initial images or labels."""
        return self.usual_init in CHOSEN_BY_EXPERTS or self.labelled_by_experts

    def refuse_noise_with_labels(self) -> None:
        """Raise RecipeError if experts give the initial labels and the initial images are noise."""
        if self.labelled_by_experts and self.pix_init == "noise":
            raise RecipeError(
                "key 'method.pix_init': experts cannot label noise; with soft_labels start at real images"
            )


def choose_initial_images(
    pix_init: str, counts: Counts, context: Context, experts: Trajectories, epoch: int, generator: torch.Generator
) -> Tensor:
    """Return the images of `counts` [counts.total, C, H, W], class by class; experts are those after `epoch`."""
    train = context.real.train
    if pix_init == "samples_predicted_correctly":
        order = to_device(torch.randperm(len(train), generator=generator), context.device)
        predict = _predictor(context, experts, epoch)
        ranks = first_correct(predict, experts.count, train.images, train.labels, counts)
        order = order[ranks[order].argsort(stable=True)]
        chosen = [order[train.labels[order] == c][:count] for c, count in enumerate(counts.each)]
        return train.images[torch.cat(chosen)].clone()
    if pix_init == "representative":
        expert = int(torch.randint(experts.count, (), generator=generator))
        logits = _predictor(context, experts, epoch)(expert, train.images)
        return train.images[select("kmeans", logits, train.labels, counts, generator)].clone()
    return initial_images(pix_init, counts, context, generator)


def initial_logits(context: Context, experts: Trajectories, epoch: int, images: Tensor, labels: Tensor) -> Tensor:
    """Return the initial logits [n, K] of soft labels; their softmax is the label."""
    return correct_mean_logits(_predictor(context, experts, epoch), experts.count, images, labels)


def _predictor(context: Context, experts: Trajectories, epoch: int) -> Predict:
    """Return the function that predicts the logits of images with the experts after `epoch`.

    Batch norms use the statistics of all training images. Those of a batch would depend on which images are in it; if
    the data is stored class by class, a batch has only one class.
    """

    def predict(expert: int, images: Tensor) -> Tensor:
        theta = experts.row(expert, epoch)
        stats = population_stats(context.net, theta, context.real.train.images)
        return logits_of(context.net, theta, images, stats or None)

    return predict
