"""The images of a finished set, from which a run begins: `method.pix_init = "set:FILE"`."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ddkit.data import Counts

GIVEN = "set"
"""The prefix of a `pix_init` that names a set."""


@dataclass(frozen=True, eq=False)
class GivenImages:
    """The images of a set in the space of the run's images.

    Attributes:
        images: [n, C, H, W].
        labels: their classes [n].
        digest: SHA-256 (hex) of the set's file.
        packing: k if these are packed images, each of k x k small ones; else 1.
    """

    images: Tensor
    labels: Tensor
    digest: str
    packing: int = 1

    def of_class(self, c: int) -> Tensor:
        """The images of class c, in the order of the set."""
        return self.images[self.labels == c]

    def missing(self, counts: Counts) -> int:
        """The number of images that the set lacks for these counts."""
        found = torch.bincount(self.labels, minlength=len(counts.each)).tolist()
        return sum(max(0, wanted - own) for wanted, own in zip(counts.each, found, strict=True))

    def into(self, images: Tensor, counts: Counts) -> Tensor:
        """Put the set's first images of each class in place of the first of `images` [counts.total, C, H, W]."""
        parts = []
        for c, own in enumerate(counts.split(images)):
            given = self.of_class(c)[: len(own)]
            parts += [given, own[len(given) :]]
        return torch.cat(parts)


def path_of_given(pix_init: str) -> str | None:
    """The set that a `pix_init` names: a file, a run folder or a ready-made set. None: it names none."""
    kind, colon, path = pix_init.partition(":")
    return path if colon and kind == GIVEN else None
