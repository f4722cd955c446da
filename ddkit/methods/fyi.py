"""FYI: Flip Your Images for Dataset Distillation (Son et al., ECCV 2024), for every method that learns images.

The distillation uses the synthetic images S together with their mirror images flip(S), which have the same labels. Only
S is learned and stored. Without FYI, on real data where an image and its mirror image are equally likely, each
synthetic image has to show both orientations. With FYI it can show one. In return, training on the set must mirror
images too; the set records that (`SetFacts.evaluation_flip`).

The mirror images are added in matching, in the inner loop and for the initial soft labels. The batch doubles there. The
loss keeps its scale, because the losses of all our methods are means over the batch. Trajectory matching, which draws
batches of images, draws half as many, so that a step costs the same.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ddkit.data import mirrored
from ddkit.methods.views import Views
from ddkit.recipe import setting


@dataclass(frozen=True, kw_only=True)
class Flipping(Views):
    """Whether the distillation uses images together with their mirror images."""

    fyi: bool = setting(False, help="FYI: the distillation uses images together with their mirror images")

    @property
    def uses_fyi(self) -> bool:
        """Whether FYI is enabled."""
        return self.fyi

    @property
    def mirrored_by(self) -> tuple[str, str] | None:
        """See `MethodSettings.mirrored_by`; the check of flips reads it."""
        return ("method.fyi", "leave FYI out") if self.fyi else None

    @property
    def views(self) -> int:
        return (2 if self.fyi else 1) * super().views

    def expand(self, images: Float[Tensor, "*b n c h w"]) -> Float[Tensor, "*b m c h w"]:
        """The images, followed by their mirror images if FYI is enabled (m = 2 n)."""
        return super().expand(torch.cat([images, mirrored(images)], -4) if self.fyi else images)

    def expand_index(self, index: Int[Tensor, "*b n"]) -> Int[Tensor, "*b m"]:
        """Both orientations share a learned label, so its gradients add up."""
        return super().expand_index(torch.cat([index, index], -1) if self.fyi else index)
