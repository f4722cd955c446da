"""Several teachers who are asked together."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ddkit.data import mirrored
from ddkit.errors import NumericalError
from ddkit.experts.teachers.bundle import Bundle

CHUNK = 250
"""Images that go through a teacher together."""


@dataclass(frozen=True)
class Ensemble:
    """Teachers of one dataset. They are frozen: batch norms run under the statistics that a teacher was saved with,
    unless `batch_stats` is set (SRe2L's released relabelling, which never calls eval): then under those of the images
    asked about. Where whoever trains mirrors images half of the time, `mirrored` has the labels of an image be those of
    both its orientations. `trained` counts those that were missing and had to be trained."""

    teachers: tuple[Bundle, ...]
    batch_stats: bool = False
    mirrored: bool = False
    trained: int = 0

    def __len__(self) -> int:
        return len(self.teachers)

    def __iter__(self) -> Iterator[Bundle]:
        return iter(self.teachers)

    def under(self, teacher_bn: str) -> "Ensemble":
        """The same teachers under the statistics `teacher_bn`, one of `ddkit.experts.batch_norm.TEACHER_BN`."""
        return dataclasses.replace(self, batch_stats=teacher_bn == "batch")

    def of_both_orientations(self, mirrored: bool) -> "Ensemble":
        """The same teachers, whose labels are, if `mirrored`, the mean of an image's and its mirror image's."""
        return dataclasses.replace(self, mirrored=mirrored)

    @property
    def names(self) -> tuple[str, ...]:
        """The networks, the beginning of each one's digest, whose statistics they run under if not their own, and what
        they are asked about if not an image as it is."""
        how = " under batch statistics" * self.batch_stats + " of both orientations" * self.mirrored
        return tuple(f"{bundle.facts.net} {bundle.digest[:8]}{how}" for bundle in self.teachers)

    @property
    def size(self) -> int:
        """Bytes of all numbers, at 4 each."""
        return sum(bundle.size for bundle in self.teachers)

    @torch.no_grad()
    def logits(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """What they say on average: the mean of their logits, as INFER's labels; on the teachers' device."""
        parts = images.split(len(images) if self.batch_stats else CHUNK)
        device = self.teachers[0].theta.device
        return torch.cat(
            [torch.stack([self._one(bundle, part.to(device)) for bundle in self.teachers]).mean(0) for part in parts]
        )

    def labels(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Static labels: the logits of images as they are, or of both orientations on average, rounded to what float16
        holds, in which they are stored.

        Raises:
            NumericalError: float16 cannot hold them.
        """
        said = self.logits(images)
        if self.mirrored:
            said = (said + self.logits(mirrored(images))) / 2
        said = said.half().float()
        if not bool(said.isfinite().all()):
            raise NumericalError(
                f"teachers {', '.join(self.names)}: their logits are not finite, or too large for float16; train others"
            )
        return said

    def _one(self, bundle: Bundle, images: Tensor) -> Tensor:
        return bundle.net(bundle.theta, images, None if self.batch_stats else bundle.stats)

    def accuracy(self, images: Float[Tensor, "n c h w"], labels: Int[Tensor, " n"]) -> float:
        """Share of the images that they classify correctly together."""
        return float((self.logits(images).argmax(1) == labels).float().mean())
