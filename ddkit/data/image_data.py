"""The real data in memory: uint8 tensors plus the facts that decide what may be done with them."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ddkit.errors import DataError


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageData:
    """Labelled images, split into a training and a test part, on the CPU: uint8 [N, C, H, W] and int64 [N].

    `flips_keep_label` says whether a mirrored image still belongs to its class; None: nobody declared it.

    Raises:
        DataError: tensors of a wrong dtype or shape, parts that disagree, a label that names no class, a class without
            a training image.
    """

    # shapes are not in the types: users build this from their own tensors, and get an error line for a wrong one
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    name: str
    classes: tuple[str, ...]
    flips_keep_label: bool | None
    licence: str

    def __post_init__(self) -> None:
        where = f"dataset '{self.name}'"
        for part in ("train", "test"):
            self._check_part(f"{where}, {part} part", getattr(self, f"{part}_images"), getattr(self, f"{part}_labels"))
        test_shape = tuple(self.test_images.shape[1:])
        if test_shape != self.shape:
            raise DataError(
                f"{where}: training images are {self.shape} but test images {test_shape} (C, H, W); they must agree"
            )
        counts = torch.bincount(self.train_labels, minlength=self.class_count)
        if not counts.all():
            empty = int((counts == 0).nonzero()[0])
            raise DataError(
                f"{where}: class {empty} ('{self.classes[empty]}') has no training image; remove it or add images"
            )

    def _check_part(self, where: str, images: Tensor, labels: Tensor) -> None:
        if images.dtype != torch.uint8 or images.dim() != 4 or 0 in images.shape:
            found = f"{images.dtype} {list(images.shape)}"
            raise DataError(f"{where}: images must be uint8 [N, C, H, W] and not empty, got {found}")
        if labels.dtype != torch.int64 or labels.dim() != 1:
            raise DataError(f"{where}: labels must be int64 [N], got {labels.dtype} {list(labels.shape)}")
        if len(images) != len(labels):
            raise DataError(f"{where}: {len(images)} images but {len(labels)} labels; there must be one for each")
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high >= self.class_count:
            raise DataError(
                f"{where}: labels must lie in 0 to {self.class_count - 1} ({self.class_count} classes), "
                f"got {low if low < 0 else high}"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of every image."""
        _, c, h, w = self.train_images.shape
        return c, h, w

    @property
    def class_count(self) -> int:
        return len(self.classes)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) over the tensors' shapes and bytes and the class names; where they came from has no part."""
        sha = hashlib.sha256(repr(self.classes).encode())
        for tensor in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            array = tensor.contiguous().numpy()
            sha.update(repr(array.shape).encode())
            sha.update(array.astype(array.dtype.newbyteorder("<"), copy=False).reshape(-1).data)
        return sha.hexdigest()
