"""Initial images of a set that need no expert. `initial_by_experts` has those that experts choose."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ddkit.data import select
from ddkit.methods.contract import Context
from ddkit.recipe import Settings, setting

PIX_INIT = ("real", "noise", "herding", "kmeans")


@dataclass(frozen=True, kw_only=True)
class InitialImages(Settings):
    """Initial images.

    real: random images of each class.
    noise: N(0, 1) in the space of preprocessed pixels.
    herding, kmeans: coresets in the space of preprocessed pixels.
    """

    fixed: ClassVar[tuple[str, ...]] = ("pix_init",)
    pix_init: str = setting("real", one_of=PIX_INIT, help="initial images")


def initial_images(pix_init: str, ipc: int, context: Context, generator: torch.Generator) -> Tensor:
    """Return ipc images of each class [classes * ipc, C, H, W], class by class; `pix_init` is one of PIX_INIT."""
    train, data = context.real.train, context.real.data
    if pix_init == "noise":
        return torch.randn(data.class_count * ipc, *data.shape, generator=generator).to(train.images)
    name = "random" if pix_init == "real" else pix_init
    return train.images[select(name, train.images.flatten(1), train.labels, ipc, generator)].clone()
