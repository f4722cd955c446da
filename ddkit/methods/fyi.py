"""FYI: Flip Your Images for Dataset Distillation (Son et al., ECCV 2024), for every method that learns images.

Wherever synthetic images enter the distillation, they enter with their mirror images: S and flip(S), labels twice. Only
S is learned and stored. On real data whose mirror images are as likely as itself, each synthetic image would otherwise
have to show both orientations; with FYI it may show one. The price: whoever trains on the set must mirror too, which
the set says of itself (`SetFacts.evaluation_flip`).

Wherever that is (matching, the inner loop, the first soft labels), it is after sub-sampling and before augmentation. A
host whose batch doubles keeps its loss where that is a mean over the batch, as all of ours are. Hosts that draw batches
of images (trajectory matching) draw half as many, so that a step costs what it did.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from ddkit.data import mirrored
from ddkit.recipe import Settings, setting


@dataclass(frozen=True, kw_only=True)
class Flipping(Settings):
    """Whether images enter with their mirror images."""

    fyi: bool = setting(False, help="FYI: images enter the distillation with their mirror images")

    @property
    def wears_fyi(self) -> bool:
        """Whether they do."""
        return self.fyi

    @property
    def mirrored_by(self) -> tuple[str, str] | None:
        """The guard of flips asks for it; see `MethodSettings`."""
        return ("method.fyi", "leave FYI out") if self.fyi else None

    def expand(self, images: Float[Tensor, "*b n c h w"]) -> Float[Tensor, "*b m c h w"]:
        """The images, and with FYI their mirror images after them (m = 2 n): class by class if they are one class's."""
        return torch.cat([images, mirrored(images)], -4) if self.fyi else images

    def expand_index(self, index: Shaped[Tensor, "*b n"]) -> Shaped[Tensor, "*b m"]:
        """What goes with the images of `expand`, their numbers or labels: both orientations share one, so that the
        gradients of a learned label add up."""
        return torch.cat([index, index], -1) if self.fyi else index

    def halved(self, batch: int) -> int:
        """How many images to draw so that `expand` gives `batch` again, where there are two or more."""
        return max(1, batch // 2) if self.fyi else batch
