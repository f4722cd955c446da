"""Preprocessing: from pixels to the space of the networks' inputs, and back.

Both kinds have the same contract. `fit` reads the training rows of the images in blocks, so that it does not copy all
images. `forward` accepts uint8 pixels or floats in [0, 1]. `inverse` returns floats on the [0, 1] scale, not clipped.
`mean` and `std` are those of the channels, or None if pixels are not normalised channel by channel. `digest` identifies
the fit and is the same on every machine, so that a new fit can be compared with a recorded one.
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
"""Largest numbers of images and of values in a block, so that temporaries stay small."""

MATRICES = 16
"""Peak memory of ZCA in float32 matrices D x D (measured; the singular vectors are computed in float64)."""

ZCA_SPEED = 2e-9
"""Seconds of ZCA per D^3 on two cores: all of CIFAR (D = 3072) needs a minute."""

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and std for networks pretrained on ImageNet; kind "imagenet" fits nothing."""


@dataclass(frozen=True)
class Normalise:
    """(x - mean) / std, channel by channel, with the training images' mean and (population) standard deviation."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    space: ClassVar[str] = "normalised"

    @classmethod
    def fit(cls, images: UInt8[Tensor, "n c h w"], rows: Int64[Tensor, " m"] | None = None) -> "Normalise":
        """Fit from exact integer moments, so that every machine gives the same bits. A constant channel has std 1."""
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
        """Transform pixels [N, C, H, W], uint8 or floats in [0, 1], to the normalised space."""
        return (_unit(images) - self._column(self.mean, images)) / self._column(self.std, images)

    def inverse(self, x: Float[Tensor, "n c h w"]) -> Float32[Tensor, "n c h w"]:
        """Transform back to the [0, 1] scale, not clipped."""
        return x.float() * self._column(self.std, x) + self._column(self.mean, x)

    def to(self, device: torch.device | str) -> "Normalise":
        """Return itself, since it has no tensors."""
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

    U S U^T is the training images' (unbiased) covariance. Images are not normalised before. The results equal kornia's
    bit by bit, but the images are centred in place, while kornia keeps a second copy.

    `digest` is the SHA-256 of eps and the images, on which the fit depends. A digest of the matrix would be useless,
    because its last bits depend on the number of threads.
    """

    centre: Float32[Tensor, "1 d"]
    matrix: Float32[Tensor, "d d"]
    inverse_matrix: Float32[Tensor, "d d"]
    digest: str
    mean: ClassVar[None] = None
    std: ClassVar[None] = None
    space: ClassVar[str] = "zca"

    @classmethod
    def fit(cls, images: UInt8[Tensor, "n c h w"], rows: Int64[Tensor, " m"] | None = None) -> "ZCA":
        """Fit on the CPU. It needs a float32 copy of the images, `zca_memory` bytes and `zca_seconds` seconds.

        Raises:
            DataError: there are fewer than two images.
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
        """Transform pixels [N, C, H, W], uint8 or floats in [0, 1], to the whitened space."""
        return ((_unit(images).flatten(1) - self.centre) @ self.matrix).reshape(images.shape)

    def inverse(self, x: Float[Tensor, "n c h w"]) -> Float32[Tensor, "n c h w"]:
        """Transform back to the [0, 1] scale, not clipped."""
        return (x.float().flatten(1) @ self.inverse_matrix + self.centre).reshape(x.shape)

    def to(self, device: torch.device | str) -> "ZCA":
        """Return the same transform with its tensors on the device."""
        return ZCA(self.centre.to(device), self.matrix.to(device), self.inverse_matrix.to(device), self.digest)


def fit_preprocess(
    kind: str, images: UInt8[Tensor, "n c h w"], rows: Int64[Tensor, " m"] | None = None
) -> Normalise | ZCA:
    """Fit the kind "normalise" or "zca" on images, or on some rows of them. "imagenet" uses ImageNet's mean and std.

    Raises:
        UsageError: the kind is unknown.
        DataError: there are too few images.
    """
    kinds: dict[str, type[Normalise] | type[ZCA]] = {"normalise": Normalise, "zca": ZCA}
    if kind == "imagenet":
        if images.shape[1] != 3:
            raise UsageError(f'preprocess "imagenet": is for RGB images, but these have {images.shape[1]} channel(s)')
        return Normalise(*IMAGENET)
    if kind not in kinds:
        raise UsageError(f"preprocess '{kind}' is unknown; {nearest(kind, [*kinds, 'imagenet'])}")
    return kinds[kind].fit(images, rows)


def zca_memory(shape: tuple[int, int, int]) -> int:
    """Return the peak memory of ZCA for images [C, H, W], without the images: MATRICES of D x D numbers."""
    return MATRICES * 4 * math.prod(shape) ** 2


def zca_seconds(shape: tuple[int, int, int]) -> float:
    """Estimate the seconds of ZCA for images [C, H, W] on two cores."""
    return ZCA_SPEED * float(math.prod(shape)) ** 3


def blocks_of(
    images: UInt8[Tensor, "n c h w"], rows: Int64[Tensor, " m"] | None = None
) -> Iterator[UInt8[Tensor, "b c h w"]]:
    """Give the images, or these rows of them, in blocks of at most BLOCK images and NUMBERS values."""
    size = max(1, min(BLOCK, NUMBERS // math.prod(images.shape[1:])))
    if rows is None:
        yield from images.split(size)
    else:
        yield from (images[some] for some in rows.split(size))


def _unit(images: Tensor) -> Tensor:
    return images.float() / 255 if images.dtype == torch.uint8 else images.float()
