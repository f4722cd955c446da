"""An ensemble of teachers, whose logits are averaged."""

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
"""Images in one forward pass of a teacher."""


@dataclass(frozen=True)
class Ensemble:
    """Teachers of one dataset, whose weights do not change.

    Attributes:
        teachers: one or more.
        batch_stats: batch norms use the statistics of the given images, as SRe2L's released relabelling does, which
            never calls eval; False: they use the statistics that were saved with a teacher.
        mirrored: labels are the mean of an image's and its mirror image's logits, for training that mirrors images
            half of the time.
        trained: number of teachers that were missing and were trained.
    """

    teachers: tuple[Bundle, ...]
    batch_stats: bool = False
    mirrored: bool = False
    trained: int = 0

    def __len__(self) -> int:
        return len(self.teachers)

    def __iter__(self) -> Iterator[Bundle]:
        return iter(self.teachers)

    def under(self, teacher_bn: str) -> "Ensemble":
        """The same teachers with the batch norms' statistics `teacher_bn`, one of TEACHER_BN."""
        return dataclasses.replace(self, batch_stats=teacher_bn == "batch")

    def of_both_orientations(self, mirrored: bool) -> "Ensemble":
        """The same teachers, with the attribute `mirrored`."""
        return dataclasses.replace(self, mirrored=mirrored)

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each teacher: its network, the first digits of its digest, and how its labels are computed."""
        suffix = " under batch statistics" * self.batch_stats + " of both orientations" * self.mirrored
        return tuple(f"{bundle.facts.net} {bundle.digest[:8]}{suffix}" for bundle in self.teachers)

    @property
    def size(self) -> int:
        """Bytes of all parameters and statistics as float32."""
        return sum(bundle.size for bundle in self.teachers)

    @torch.no_grad()
    def logits(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """The mean of the teachers' logits (INFER's labels), on the teachers' device."""
        parts = images.split(len(images) if self.batch_stats else CHUNK)
        device = self.teachers[0].theta.device
        return torch.cat(
            [torch.stack([self._of(bundle, part.to(device)) for bundle in self.teachers]).mean(0) for part in parts]
        )

    def labels(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Static labels: the logits of the images, or the mean over both orientations if `mirrored`.

        They are rounded to float16, the precision in which sets store them.

        Raises:
            NumericalError: logits that are not finite or too large for float16.
        """
        logits = self.logits(images)
        if self.mirrored:
            logits = (logits + self.logits(mirrored(images))) / 2
        logits = logits.half().float()
        if not bool(logits.isfinite().all()):
            raise NumericalError(
                f"teachers {', '.join(self.names)}: their logits are not finite, or too large for float16; train others"
            )
        return logits

    def _of(self, bundle: Bundle, images: Tensor) -> Tensor:
        """The logits of one teacher."""
        return bundle.net(bundle.theta, images, None if self.batch_stats else bundle.stats)

    def accuracy(self, images: Float[Tensor, "n c h w"], labels: Int[Tensor, " n"]) -> float:
        """Share of the images that the ensemble classifies correctly."""
        return float((self.logits(images).argmax(1) == labels).float().mean())
