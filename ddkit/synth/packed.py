"""The compact form of packed images: each stored image is several small ones (see `ddkit.synth.packing`).

It stores the packed images as they were learned, in the space of the set. A soft label belongs to one small image.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, no_type_check

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ddkit.arguments import checked_fields
from ddkit.errors import DataError, counted
from ddkit.synth.compact import Compact
from ddkit.synth.facts import SetFacts
from ddkit.synth.packing import unpack

TOGETHER = 100
"""Packed images of a piece."""


@no_type_check  # the class checks types itself; in tests, jaxtyping would raise its own error first
@checked_fields
@dataclass(frozen=True, eq=False)
class Packed(Compact):
    """Packed images, class by class.

    Attributes:
        images: in the space of the set.
        factor: each is factor x factor small ones.

    Raises:
        DataError: the images are no finite floats [N, C, H, W], or have fewer than `factor` pixels a side.
    """

    names: ClassVar[tuple[str, ...]] = ("image",)
    expansions: ClassVar[tuple[str, ...]] = ("packed/1",)

    images: Float[Tensor, "n c h w"]
    factor: int

    def __post_init__(self) -> None:
        images, factor = self.images, self.factor
        if not isinstance(images, Tensor) or not images.is_floating_point() or images.dim() != 4 or not images.numel():
            found = f"{images.dtype} {list(images.shape)}" if isinstance(images, Tensor) else type(images).__name__
            raise DataError(f"packed set: needs floats [N, C, H, W], got {found}")
        if not isinstance(factor, int) or not 2 <= factor <= min(images.shape[-2:]):
            raise DataError(
                f"packed set: images of {images.shape[-2]}x{images.shape[-1]} pixels can be 2x2 small ones or more, "
                f"with a pixel each, got factor {factor}"
            )
        if not bool(images.isfinite().all()):
            raise DataError("packed set: an image has numbers that are not finite")
        object.__setattr__(self, "images", images.detach().cpu().float())

    @classmethod
    def of_parts(cls, parts: Mapping[str, Tensor], expansion: str, facts: SetFacts) -> "Packed":
        if facts.formation is None:
            raise DataError("packed set: has no fact 'formation', without which it cannot be expanded")
        return cls(parts["image"], facts.formation)

    @property
    def expansion(self) -> str:
        return self.expansions[0]

    @property
    def parts(self) -> dict[str, Tensor]:
        return {"image": self.images}

    @property
    def shape(self) -> tuple[int, int, int, int]:
        stored, channels, height, width = self.images.shape
        return (stored * self.factor**2, channels, height, width)

    def stored_labels(self, facts: SetFacts) -> Int[Tensor, " n"]:
        """The class of each packed image."""
        if facts.formation != self.factor or sum(facts.each) != len(self.images):
            raise DataError(
                f"set: its facts state {counted(sum(facts.each), 'image')} and formation {facts.formation}, but its "
                f"compact form has {counted(len(self.images), 'image')} of {self.factor}x{self.factor} small ones"
            )
        return torch.arange(len(facts.each)).repeat_interleave(torch.tensor(facts.each))

    def labels(self, facts: SetFacts) -> Int[Tensor, " i"]:
        return self.stored_labels(facts).repeat_interleave(self.factor**2)

    def expanded(self, facts: SetFacts) -> Float[Tensor, "i c h w"]:
        return unpack(self.images, self.factor)

    def pieces(self) -> list["Packed"]:
        return [Packed(own, self.factor) for own in self.images.split(TOGETHER)]

    def summary(self, ipc: int) -> str:
        k, stored = self.factor, len(self.images)
        return f"{counted(stored, 'image')} of {k}x{k} small ones, expanded to {stored * k**2}"

    def stored_bytes(self) -> dict[str, int]:
        return {"packed images": 4 * self.images.numel()}
