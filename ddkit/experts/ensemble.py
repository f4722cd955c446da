"""Several teachers who are asked together."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ddkit.errors import NumericalError
from ddkit.experts.bundle import Bundle

CHUNK = 250
"""Images that go through a teacher together."""


@dataclass(frozen=True)
class Ensemble:
    """Teachers of one dataset. They are frozen: batch norms run under the statistics that a teacher was saved with,
    unless `batch_stats` is set (SRe2L's released relabelling, which never calls eval): then under those of the images
    asked about. `trained` counts those that were missing and had to be trained."""

    teachers: tuple[Bundle, ...]
    batch_stats: bool = False
    trained: int = 0

    def __len__(self) -> int:
        return len(self.teachers)

    def __iter__(self) -> Iterator[Bundle]:
        return iter(self.teachers)

    def under(self, teacher_bn: str) -> "Ensemble":
        """The same teachers under the statistics that `teacher_bn` names, one of `ddkit.recipe.TEACHER_BN`."""
        return dataclasses.replace(self, batch_stats=teacher_bn == "batch")

    @property
    def names(self) -> tuple[str, ...]:
        """The networks, the beginning of each one's digest, and whose statistics they run under if not their own."""
        under = " under batch statistics" * self.batch_stats
        return tuple(f"{bundle.facts.net} {bundle.digest[:8]}{under}" for bundle in self.teachers)

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
        """Static labels: the logits of images as they are, rounded to what float16 holds, in which they are stored.

        Raises:
            NumericalError: float16 cannot hold them.
        """
        said = self.logits(images).half().float()
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
