"""From pixels to the space the networks see, and back.

Both kinds keep one contract: `fit` looks at those rows of the images that train, a block at a time, so that the images
are not copied beside what the fit itself needs; `forward` takes uint8 pixels or floats in [0, 1],
`inverse` gives raw floats on the [0, 1] scale back and does not clip them. `digest` names the fit and is the same on
every machine, so that a fit made anew can be held against one that was recorded.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Float32, Int64, UInt8
from torch import Tensor

from ddkit.errors import DataError, UsageError, nearest

ZCA_EPS = 0.1

BLOCK, NUMBERS = 4096, 2**24
"""Images, and values in them, that are preprocessed at a time, so that temporaries stay small."""

MATRICES = 16
"""float32 matrices, D x D, whose room ZCA takes at its peak, measured; the singular vectors are found in float64."""

ZCA_SPEED = 2e-9
"""Seconds of ZCA per D^3 on two cores: all of CIFAR (D = 3072) takes a minute."""

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and std that networks pretrained on ImageNet read; kind "imagenet" fits nothing."""


@dataclass(frozen=True)
class Normalise:
    """(x - mean) / std, channel by channel, with the training images' mean and (population) standard deviation."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    space: ClassVar[str] = "normalised"

    @classmethod
    def fit(cls, images: UInt8[Tensor, "n c h w"], rows: Int64[Tensor, " m"] | None = None) -> "Normalise":
        """Fit from exact integer moments, hence to the same bits everywhere. A constant channel gets std 1."""
        mean, std = [], []
        every = torch.zeros(images.shape[1], 256, dtype=torch.int64)
        for block in blocks_of(images, rows):
            every += torch.stack([torch.bincount(own.flatten(), minlength=256) for own in block.unbind(1)]).cpu()
        for counts in every.tolist():
            total = sum(counts)
            first = sum(n * v for v, n in enumerate(counts))
            second = sum(n * v * v for v, n in enumerate(counts))
            mean.append(first / (255 * total))
            std.append(math.sqrt(total * second - first * first) / (255 * total) or 1.0)
        return cls(tuple(mean), tuple(std))

    def forward(self, images: Tensor) -> Float32[Tensor, "n c h w"]:
        """Pixels [N, C, H, W], uint8 or floats in [0, 1], into the normalised space."""
        return (_unit(images) - self._column(self.mean, images)) / self._column(self.std, images)

    def inverse(self, x: Float[Tensor, "n c h w"]) -> Float32[Tensor, "n c h w"]:
        """Back to the [0, 1] scale, not clipped."""
        return x.float() * self._column(self.std, x) + self._column(self.mean, x)

    def to(self, device: torch.device | str) -> "Normalise":
        """Itself: it holds no tensors."""
        return self

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the fitted numbers."""
        return hashlib.sha256(repr((self.space, self.mean, self.std)).encode()).hexdigest()

    @staticmethod
    def _column(values: tuple[float, ...], like: Tensor) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=like.device).view(-1, 1, 1)


@dataclass(frozen=True, eq=False)
class ZCA:
    """Whitening as MTT does it: (x - centre) U (S + 0.1)^(-1/2) U^T over all D = C H W pixels in [0, 1].

    U S U^T is the training images' (unbiased) covariance. No mean or std normalisation comes before. The formulas are
    kornia's, to the bit, but the images are centred in place: kornia holds them twice.
    `digest` is the SHA-256 of what the fit depends on, eps and the images: the matrix itself differs in its last bits
    with the number of threads, so its own digest would recognise nothing.
    """

    centre: Float32[Tensor, "1 d"]
    matrix: Float32[Tensor, "d d"]
    inverse_matrix: Float32[Tensor, "d d"]
    digest: str
    space: ClassVar[str] = "zca"

    @classmethod
    def fit(cls, images: UInt8[Tensor, "n c h w"], rows: Int64[Tensor, " m"] | None = None) -> "ZCA":
        """Fit on the CPU. All of CIFAR (D = 3072) takes a minute on two cores, one float32 copy of the images, and
        what `zca_memory` says.

        Raises:
            DataError: fewer than two images, which have no covariance.
        """
        count = len(images) if rows is None else len(rows)
        if count < 2:
            raise DataError(f'ZCA needs at least 2 training images, got {count}; use preprocess = "normalise"')
        shape = tuple(images.shape[1:])
        sha = hashlib.sha256(repr((cls.space, ZCA_EPS, (count, *shape))).encode())
        x = torch.empty(count, math.prod(shape))
        at = 0
        for block in blocks_of(images, rows):
            block = block.cpu().contiguous()
            sha.update(block.numpy().reshape(-1).data)
            x[at : at + len(block)] = _unit(block).flatten(1)
            at += len(block)
        centre = x.mean(0, keepdim=True)
        x -= centre
        covariance = (x.T @ x) / (count - 1)
        del x
        precise = covariance.double()
        del covariance
        u, s, _ = torch.linalg.svd(precise)
        del precise, _
        u, root = u.float(), (s.float() + ZCA_EPS)[:, None]
        return cls(centre, u @ (root.rsqrt() * u.T), u @ (root.sqrt() * u.T), sha.hexdigest())

    def forward(self, images: Tensor) -> Float32[Tensor, "n c h w"]:
        """Pixels [N, C, H, W], uint8 or floats in [0, 1], into the whitened space."""
        return ((_unit(images).flatten(1) - self.centre) @ self.matrix).reshape(images.shape)

    def inverse(self, x: Float[Tensor, "n c h w"]) -> Float32[Tensor, "n c h w"]:
        """Back to the [0, 1] scale, not clipped."""
        return (x.float().flatten(1) @ self.inverse_matrix + self.centre).reshape(x.shape)

    def to(self, device: torch.device | str) -> "ZCA":
        """The same transform for tensors on the device."""
        return ZCA(self.centre.to(device), self.matrix.to(device), self.inverse_matrix.to(device), self.digest)


def fit_preprocess(
    kind: str, images: UInt8[Tensor, "n c h w"], rows: Int64[Tensor, " m"] | None = None
) -> Normalise | ZCA:
    """Fit the kind "normalise" or "zca" on images, or on some rows of them; "imagenet" normalises with ImageNet's mean
    and std.

    Raises:
        UsageError: an unknown kind.
        DataError: too few images for the kind.
    """
    kinds: dict[str, type[Normalise] | type[ZCA]] = {"normalise": Normalise, "zca": ZCA}
    if kind == "imagenet":
        if images.shape[1] != 3:
            raise UsageError(f'preprocess "imagenet": is for RGB images, these have {images.shape[1]} channel(s)')
        return Normalise(*IMAGENET)
    if kind not in kinds:
        raise UsageError(f"preprocess '{kind}' is unknown; {nearest(kind, [*kinds, 'imagenet'])}")
    return kinds[kind].fit(images, rows)


def zca_memory(shape: tuple[int, int, int]) -> int:
    """Bytes that ZCA of images [C, H, W] needs at its peak beside the images: MATRICES of D x D numbers."""
    return MATRICES * 4 * math.prod(shape) ** 2


def zca_seconds(shape: tuple[int, int, int]) -> float:
    """About how long ZCA of images [C, H, W] takes on two cores."""
    return ZCA_SPEED * float(math.prod(shape)) ** 3


def blocks_of(
    images: UInt8[Tensor, "n c h w"], rows: Int64[Tensor, " m"] | None = None
) -> Iterator[UInt8[Tensor, "b c h w"]]:
    """The images, or those rows of them, a block at a time: of at most BLOCK images and NUMBERS values."""
    size = max(1, min(BLOCK, NUMBERS // math.prod(images.shape[1:])))
    if rows is None:
        yield from images.split(size)
    else:
        yield from (images[some] for some in rows.split(size))


def _unit(images: Tensor) -> Tensor:
    return images.float() / 255 if images.dtype == torch.uint8 else images.float()
