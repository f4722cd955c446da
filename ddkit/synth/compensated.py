"""The compact form that INFER stores, and its expansion to images.

The form has n real images of each class. For each of M teachers and each j < n it has one compensator, an image
that is added to the j-th real image of every class. The expansion gives class c n (M + 1) images: its real images, and
for each teacher all of them plus their compensators, clipped to the range of pixels:

    (m, j)  ->  clip(real[c, j] + compensator[m, j])        in the normalised space

Storage is exact: pixels are bytes, and compensators are float16.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, no_type_check

import torch
from jaxtyping import Float, Float16, Int, UInt8
from torch import Tensor

from ddkit.arguments import checked_fields
from ddkit.data import mirrored
from ddkit.errors import DataError
from ddkit.synth.compact import Compact
from ddkit.synth.facts import SetFacts


@no_type_check  # the class checks types itself; in tests, jaxtyping would raise its own error first
@checked_fields
@dataclass(frozen=True, eq=False)
class Compensated(Compact):
    """Real images, and compensators that are added to them.

    Attributes:
        real: pixels of n real images of each class.
        compensators: for each teacher and each j < n, the image that is added to the j-th real image of every class,
            in the normalised space.
        mirrored: whether the expansion also contains the mirror image of each image, with its own label (FYI).

    Raises:
        DataError: parts have a wrong dtype, do not fit together, or are not finite.
    """

    names: ClassVar[tuple[str, ...]] = ("real", "compensator")
    expansions: ClassVar[tuple[str, ...]] = ("real+compensator/1", "real+compensator+mirror/1")
    """The second one has mirror images too."""

    real: UInt8[Tensor, "k n c h w"]
    compensators: Float16[Tensor, "m n c h w"]
    mirrored: bool = False

    def __post_init__(self) -> None:
        real, added = self.real, self.compensators
        needed = "needs bytes [classes, n, C, H, W] and float16 [teachers, n, C, H, W]"
        if not isinstance(real, Tensor) or not isinstance(added, Tensor):
            raise DataError(f"compact set: {needed}, got {type(real).__name__} and {type(added).__name__}")
        dtypes = (real.dtype, added.dtype) == (torch.uint8, torch.float16)
        shapes = real.dim() == added.dim() == 5 and real.shape[1:] == added.shape[1:] and real.numel() > 0
        if not dtypes or not shapes:
            found = f"{real.dtype} {list(real.shape)} and {added.dtype} {list(added.shape)}"
            raise DataError(f"compact set: {needed}, got {found}")
        if not bool(added.isfinite().all()):
            raise DataError("compact set: a compensator has numbers that are not finite")

    @classmethod
    def of_parts(cls, parts: Mapping[str, Tensor], expansion: str, facts: SetFacts) -> "Compensated":
        return cls(parts["real"], parts["compensator"], expansion == cls.expansions[True])

    @property
    def expansion(self) -> str:
        return self.expansions[self.mirrored]

    @property
    def parts(self) -> dict[str, Tensor]:
        return {"real": self.real, "compensator": self.compensators}

    @property
    def shape(self) -> tuple[int, int, int, int]:
        classes, _, channels, height, width = self.real.shape
        return (classes * self.instances, channels, height, width)

    @property
    def instances(self) -> int:
        """Images of each class after expansion: n (M + 1), or twice as many if they are mirrored."""
        return self.real.shape[1] * (1 + len(self.compensators)) * (2 if self.mirrored else 1)

    def labels(self, facts: SetFacts) -> Int[Tensor, " i"]:
        if facts.ipc is None:
            raise DataError("set: a set of INFER has as many images of each class; give fact 'ipc', not 'counts'")
        return torch.arange(len(self.real)).repeat_interleave(self.instances)

    def expanded(self, facts: SetFacts) -> Float[Tensor, "i c h w"]:
        if facts.mean is None or facts.std is None:
            raise DataError("compact set: has no mean and std, without which it cannot be expanded")
        return self.expand(facts.mean, facts.std)

    def pieces(self) -> list["Compensated"]:
        """One class each."""
        return [Compensated(own[None], self.compensators, self.mirrored) for own in self.real]

    def expand(self, mean: tuple[float, ...], std: tuple[float, ...]) -> Float[Tensor, "i c h w"]:
        """Return all images in the normalised space, class by class.

        The images of a class are the real ones, then those with the compensators of each teacher, then the mirror
        images of all of these if `mirrored`.

        Raises:
            DataError: mean and std are not one number for each channel.
        """
        if not len(mean) == len(std) == self.real.shape[2]:
            raise DataError(
                f"compact set: its images have {self.real.shape[2]} channels, mean and std {len(mean)} and {len(std)}"
            )
        centre, scale = (torch.tensor(values).view(-1, 1, 1) for values in (mean, std))
        real = (self.real.float() / 255 - centre) / scale
        shifted = [clip(real + added.float(), mean, std) for added in self.compensators]
        images = torch.cat([real, *shifted], 1)
        return (torch.cat([images, mirrored(images)], 1) if self.mirrored else images).flatten(0, 1)

    def summary(self, ipc: int) -> str:
        """A line with the numbers of images and compensators in a budget of `ipc` images of each class."""
        (classes, n), m = self.real.shape[:2], len(self.compensators)
        left = ipc * classes - n * (classes + m)
        return (
            f"{n} real images a class, {n * m} compensators ({n} of each of {m} teachers), expanded to "
            f"{self.instances} a class; {left} of {ipc * classes} images of the budget unused"
        )

    def stored_bytes(self) -> dict[str, int]:
        """Exact sizes of the parts."""
        return {"real images": self.real.numel(), "compensators": 2 * self.compensators.numel()}


def clip(images: Float[Tensor, "*b c h w"], mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Clip images in the normalised space to pixels between 0 and 1."""
    centre, scale = (torch.tensor(values, device=images.device).view(-1, 1, 1) for values in (mean, std))
    return images.clamp((0 - centre) / scale, (1 - centre) / scale)
