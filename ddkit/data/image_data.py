"""The real images in memory: uint8 tensors, and facts such as class names, flips and licence."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import no_type_check

import torch
from torch import Tensor

from ddkit.arguments import typed_fields
from ddkit.errors import DataError, counted, names_something, printable


@no_type_check  # the class checks types itself; in tests, jaxtyping would raise its own error first
@typed_fields
@dataclass(frozen=True, kw_only=True, eq=False)
class ImageData:
    """Labelled images on the CPU: a training part, a test part and perhaps a validation part.

    Images are uint8 [N, C, H, W], labels int64 [N]. The tensors are not copied: do not change them afterwards.

    Attributes:
        classes: the names of the classes, at least two, all different.
        flips_keep_label: whether a mirrored image still belongs to its class; None: not declared.
        validation_images, validation_labels: the data's own validation part; None: `prepare` cuts one from train.
        origins: origins of parts, such as {"test": "cut from train"}; not part of the digest.
        notes: messages for the user about how the data was found and read.

    Raises:
        UsageError: a field is missing, unknown or has a wrong type.
        DataError: a tensor has a wrong dtype or shape, parts disagree, a label is not the index of a class, a class has
            no training image, there are fewer than two classes (in a test or validation part too), or class names are
            equal or cannot be printed.
    """

    # the types have no shapes, because users build this from their own tensors and get an error line for a wrong shape
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    name: str
    classes: tuple[str, ...]
    flips_keep_label: bool | None
    licence: str
    validation_images: Tensor | None = None
    validation_labels: Tensor | None = None
    origins: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        where = f"dataset '{self.name}'"
        if printable(self.name) != self.name:
            raise DataError(f"{where}: its name cannot be printed; rename it")
        if (self.validation_images is None) != (self.validation_labels is None):
            raise DataError(f"{where}: a validation part needs images and labels, got one of them; give both")
        for part, images, labels in self._parts:
            self._check_part(f"{where}, {part} part", images, labels)
            if tuple(images.shape[1:]) != self.shape:
                raise DataError(
                    f"{where}: training images are {self.shape} but {part} images {tuple(images.shape[1:])} (C, H, W); "
                    "they must agree"
                )
        self._check_classes(where)
        counts = torch.bincount(self.train_labels, minlength=self.class_count)
        if not counts.all():
            empty = int((counts == 0).nonzero()[0])
            if not empty and counts[1:].all():
                raise DataError(f"{where}: its labels count from 1; they must count from 0, so subtract 1")
            raise DataError(
                f"{where}: class {empty} ('{self.classes[empty]}') has no training image; remove it or add images"
            )
        for part, _, labels in self._parts:
            if len(found := labels.unique()) == 1:
                raise DataError(
                    f"{where}, {part} part: has one class only, '{self.classes[int(found)]}' "
                    f"({counted(len(labels), 'image')}), so that its score would be meaningless; give images of "
                    "at least two classes"
                )

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The tensors of all parts, by the names of their fields."""
        named: dict[str, Tensor] = {}
        for part, images, labels in self._parts:
            named |= {f"{part}_images": images, f"{part}_labels": labels}
        return named

    @property
    def _parts(self) -> list[tuple[str, Tensor, Tensor]]:
        """Name, images and labels of each part; train first, validation last."""
        parts = [("train", self.train_images, self.train_labels), ("test", self.test_images, self.test_labels)]
        if self.validation_images is not None and self.validation_labels is not None:
            parts.append(("validation", self.validation_images, self.validation_labels))
        return parts

    def _check_classes(self, where: str) -> None:
        if self.class_count < 2:
            found = ", ".join(f"'{name}'" for name in self.classes) or "none"
            raise DataError(
                f"{where}: has {self.class_count} class ({found}), so that every network would be right and scores "
                "would be meaningless; give at least two classes"
            )
        name, count = Counter(self.classes).most_common(1)[0]
        if count > 1:
            raise DataError(f"{where}: {count} classes have the name '{name}'; give each class a different name")
        if odd := [name for name in self.classes if not names_something(name)]:
            raise DataError(f"{where}: a class has the name '{odd[0]}', which cannot be printed; rename it")

    def _check_part(self, where: str, images: Tensor, labels: Tensor) -> None:
        for tensor in (images, labels):
            if tensor.device.type != "cpu" or tensor.layout != torch.strided:
                raise DataError(f"{where}: tensors must be dense and on the CPU, got {tensor.layout} {tensor.device}")
        if images.dtype != torch.uint8 or images.dim() != 4 or 0 in images.shape:
            found = f"{images.dtype} {list(images.shape)}"
            raise DataError(f"{where}: images must be uint8 [N, C, H, W] and not empty, got {found}")
        if labels.dtype != torch.int64 or labels.dim() != 1:
            raise DataError(f"{where}: labels must be int64 [N], got {labels.dtype} {list(labels.shape)}")
        if len(images) != len(labels):
            raise DataError(
                f"{where}: {counted(len(images), 'image')} but {counted(len(labels), 'label')}; there must be one for "
                "each"
            )
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high >= self.class_count:
            raise DataError(
                f"{where}: labels must be in 0 to {self.class_count - 1} ({self.class_count} classes), "
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
    def remarks(self) -> tuple[str, ...]:
        """The notes, and possible mistakes in the parts: missing classes, and images that are also in train."""
        found, train = list(self.notes), set(_digests(self.train_images))
        for part, images, labels in self._parts[1:]:
            if (held := len(labels.unique())) < self.class_count:
                found.append(f"{part} has {held:,} of the {self.class_count:,} classes")
            if known := sum(digest in train for digest in _digests(images)):
                found.append(f"{known:,} of the {len(images):,} {part} images are also in train")
        return tuple(found)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) over the tensors' shapes and bytes and the class names, not over their origins."""
        return self._digest_of("train", "test", "validation")

    @cached_property
    def training_digest(self) -> str:
        """The same without the test part, on which no set depends."""
        return self._digest_of("train", "validation")

    def _digest_of(self, *parts: str) -> str:
        sha = hashlib.sha256(repr(self.classes).encode())
        for tensor in (tensor for part, *both in self._parts if part in parts for tensor in both):
            array = tensor.contiguous().numpy()
            sha.update(repr(array.shape).encode())
            sha.update(array.astype(array.dtype.newbyteorder("<"), copy=False).reshape(-1).data)
        return sha.hexdigest()


def _digests(images: Tensor) -> Iterator[bytes]:
    """Give a digest of 16 bytes of each image's pixels."""
    for image in images:
        yield hashlib.blake2b(image.contiguous().numpy().reshape(-1).data, digest_size=16).digest()
