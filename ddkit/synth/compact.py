"""The compact form of a set: what INFER stores, and how it is expanded.

n real images of each class, and for each of M teachers and each j < n one compensator, an image that is added to the
j-th real image of every class. Expanded, class c has n (M + 1) images: its real ones, and for each teacher all of
these with their compensators, clipped to what pixels can be:

    (m, j)  ->  clip(real[c, j] + compensator[m, j])        in the normalised space

What is stored is exact: pixels are bytes and compensators float16, and the images are always those of the expansion, so
that a set is the same to the bit before it is written and after it is read.
"""

from dataclasses import dataclass
from typing import no_type_check

import torch
from jaxtyping import Float, Float16, Int, UInt8
from torch import Tensor

from ddkit.arguments import checked_fields
from ddkit.data import mirrored
from ddkit.equality import EqualByContent
from ddkit.errors import DataError

EXPANSIONS = {False: "real+compensator/1", True: "real+compensator+mirror/1"}
"""What the expansion is called in a file, by whether images are mirrored."""


@no_type_check  # it checks itself, wrong types too; under test, jaxtyping would be first
@checked_fields
@dataclass(frozen=True, eq=False)
class Compact(EqualByContent):
    """The parts that are stored.

    Attributes:
        real: pixels of n real images of each class.
        mirrored: whether the expansion has each image's mirror image too, so that labels are of both (FYI).
        compensators: for each teacher and each j < n, what is added to the j-th image of every class (normalised
        space).

    Raises:
        DataError: parts of a wrong dtype, that do not fit each other, or are not finite.
    """

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
            raise DataError("compact set: a compensator holds numbers that are not finite")

    @property
    def instances(self) -> int:
        """Images of each class once expanded, n (M + 1), twice that where they are mirrored."""
        return self.real.shape[1] * (1 + len(self.compensators)) * (2 if self.mirrored else 1)

    def labels(self) -> Int[Tensor, " i"]:
        """The class of each expanded image."""
        return torch.arange(len(self.real)).repeat_interleave(self.instances)

    def expand(self, mean: tuple[float, ...], std: tuple[float, ...]) -> Float[Tensor, "i c h w"]:
        """All images in the normalised space, class by class: first the real ones, then teacher by teacher; then
        all of them mirrored, if they are.

        Raises:
            DataError: mean and std are not one number a channel.
        """
        if not len(mean) == len(std) == self.real.shape[2]:
            raise DataError(
                f"compact set: its images have {self.real.shape[2]} channels, mean and std {len(mean)} and {len(std)}"
            )
        centre, scale = (torch.tensor(values).view(-1, 1, 1) for values in (mean, std))
        real = (self.real.float() / 255 - centre) / scale
        shifted = [clip(real + added.float(), mean, std) for added in self.compensators]
        seen = torch.cat([real, *shifted], 1)
        return (torch.cat([seen, mirrored(seen)], 1) if self.mirrored else seen).flatten(0, 1)

    def told(self, ipc: int) -> str:
        """What a budget of `ipc` images a class has bought, in words; a compensator costs what an image does."""
        (classes, n), m = self.real.shape[:2], len(self.compensators)
        left = ipc * classes - n * (classes + m)
        return (
            f"{n} real images a class, {n * m} compensators ({n} of each of {m} teachers), expanded to "
            f"{self.instances} a class; {left} of {ipc * classes} images' worth left"
        )

    def stored_bytes(self) -> dict[str, int]:
        """What the parts take, to the byte."""
        return {"real images": self.real.numel(), "compensators": 2 * self.compensators.numel()}


def clip(images: Float[Tensor, "*b c h w"], mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Images in the normalised space, clipped to pixels between 0 and 1."""
    centre, scale = (torch.tensor(values, device=images.device).view(-1, 1, 1) for values in (mean, std))
    return images.clamp((0 - centre) / scale, (1 - centre) / scale)
