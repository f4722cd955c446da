"""Initial images of a set that need no expert. `initial_by_experts` has those that experts choose."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ddkit.data import Counts, select
from ddkit.methods.contract import Context
from ddkit.methods.given import GIVEN, path_of_given
from ddkit.recipe import Settings, field_of, setting

PIX_INIT = ("real", "noise", "herding", "kmeans")


@dataclass(frozen=True, kw_only=True)
class InitialImages(Settings):
    """Initial images.

    real: random images of each class.
    noise: N(0, 1) in the space of preprocessed pixels.
    herding, kmeans: coresets in the space of preprocessed pixels.
    set:FILE: the images of a finished set, given by its file, its run folder, or the name of a ready-made set. A class
        of which the run needs fewer images than the set has begins from the set's first ones. If the run needs more,
        the images of the setting's default follow.
    """

    fixed: ClassVar[tuple[str, ...]] = ("pix_init",)
    pix_init: str = setting("real", one_of=PIX_INIT, or_file=GIVEN, help="initial images")

    @property
    def usual_init(self) -> str:
        """`pix_init`, or its default if `pix_init` names a set."""
        return self.pix_init if path_of_given(self.pix_init) is None else str(field_of(type(self), "pix_init").default)


def initial_images(pix_init: str, counts: Counts, context: Context, generator: torch.Generator) -> Tensor:
    """Return the images of `counts` [counts.total, C, H, W], class by class; `pix_init` is one of PIX_INIT."""
    train, data = context.real.train, context.real.data
    if pix_init == "noise":
        return torch.randn(counts.total, *data.shape, generator=generator).to(train.images)
    name = "random" if pix_init == "real" else pix_init
    return train.images[select(name, train.images.flatten(1), train.labels, counts, generator)].clone()
