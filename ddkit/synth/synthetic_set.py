"""The synthetic set of images in memory."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, no_type_check

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ddkit.arguments import checked_fields
from ddkit.equality import EqualByContent
from ddkit.errors import DataError, counted
from ddkit.synth.compact import Compact
from ddkit.synth.facts import Record, SetFacts
from ddkit.synth.packed import Packed
from ddkit.synth.top_k import is_packed, packed_bytes

SUM_OFF = 1e-3
"""Tolerance for the sum of a row of probabilities: the rounding error of a thousand float16 probabilities."""


@no_type_check  # the class checks types itself; in tests, jaxtyping would raise its own error first
@checked_fields
@dataclass(frozen=True, kw_only=True, eq=False)
class SyntheticSet(EqualByContent):
    """Images [N, C, H, W] in the space of the network's inputs, labels [N], and optionally soft labels [N, K].

    Soft labels are class probabilities, or logits if `facts.temperature` is given. If the images are the expansion of a
    compact form, `compact` is that form, and the file stores it instead of the images.

    The tensors equal those in the file, so that writing and reading changes nothing: images and probabilities are
    float32, labels are int64, logits are rounded to float16. All are on the CPU. Tensors of these types are not copied;
    later changes to them are not checked.

    Raises:
        DataError: the set is invalid. A tensor is missing or has a wrong dtype or shape; numbers are not finite; a
            label is not the index of a class; a class has another number of images than its facts state (with teachers'
            logits or expanded images: all images have one class); soft labels are neither probabilities nor, with a
            temperature, logits; facts have another number of channels; images are not the expansion of `compact`.
    """

    images: Float[Tensor, "n c h w"]
    labels: Int[Tensor, " n"]
    facts: SetFacts
    soft_labels: Float[Tensor, "n k"] | None = None
    compact: Compact | None = None
    record: Record = field(default_factory=Record)

    def __post_init__(self) -> None:
        for value, kind in ((self.facts, SetFacts), (self.record, Record), (self.compact, Compact | None)):
            if not isinstance(value, kind):
                raise DataError(f"set: must have {_named(kind)}, got {type(value).__name__}")
        images = _numbers(self.images, "images", torch.float32, "[N, C, H, W]", 4)
        labels = _numbers(self.labels, "labels", torch.int64, "[N]", 1)
        self._keep(images=images, labels=labels)
        self._refuse_wrong_images()
        self._refuse_wrong_labels()
        if self.soft_labels is not None:
            soft = _numbers(self.soft_labels, "soft labels", torch.float32, "[N, classes]", 2)
            if self.facts.temperature is not None:
                soft = soft.half().float()
            self._keep(soft_labels=soft)
            self._refuse_wrong_soft_labels(soft)
        elif self.facts.temperature is not None:
            raise DataError(
                f"set: labels learned at temperature {self.facts.temperature:g} are missing; give soft_labels, or "
                "leave temperature out"
            )

    def _keep(self, **tensors: Tensor) -> None:
        for name, tensor in tensors.items():
            object.__setattr__(self, name, tensor)

    def _refuse_wrong_images(self) -> None:
        images, mean = self.images, self.facts.mean
        if not images.numel():
            raise DataError(f"set: has no pixel, its images are {list(images.shape)}")
        _refuse_not_finite(images, "images")
        if mean is not None and len(mean) != images.shape[1]:
            raise DataError(f"set: images have {images.shape[1]} channels, facts 'mean' and 'std' {len(mean)}")
        if self.compact is not None and not self.compact.expands_to(images, self.facts):
            raise DataError("set: its images are not those of its compact form; make it with SyntheticSet.from_compact")
        self._refuse_wrong_formation()

    def _refuse_wrong_formation(self) -> None:
        """Raise DataError unless images are packed as the facts state.

        A set whose teachers' labels left images out (FerKD) is not packed any more, and keeps the fact.
        """
        formation = self.facts.formation
        if isinstance(self.compact, Packed):
            if formation is None:
                raise DataError(f"set: its images are packed; give fact 'formation', {self.compact.factor}")
        elif formation is not None and (self.compact is not None or self.facts.temperature is None):
            raise DataError(
                f"set: fact 'formation' is {formation}, but its images are not packed; make it with "
                "SyntheticSet.from_compact, or leave the fact out"
            )

    def _refuse_wrong_labels(self) -> None:
        labels, names = self.labels, self.facts.classes
        if labels.shape != (len(self.images),):
            found = f"{len(labels)} for {counted(len(self.images), 'image')}"
            raise DataError(f"set: labels must be one for each image, got {found}")
        if not 0 <= int(labels.min()) <= int(labels.max()) < len(names):
            low, high = int(labels.min()), int(labels.max())
            raise DataError(f"set: a label is outside the {len(names)} classes, found {low} to {high}")
        if self.compact is not None:
            own = self.compact.labels(self.facts)
            if int(own.max()) != len(names) - 1 or not torch.equal(labels, own):
                raise DataError(f"set: labels are not those of its compact form, or of its {len(names)} classes")
            return
        counts = labels.bincount(minlength=len(names))
        if self.facts.temperature is None:  # else FerKD's regions may have left images out
            if len(wrong := (counts != torch.tensor(self.facts.each)).nonzero().flatten()):
                first = int(wrong[0])
                has, wanted = f"class {first} has {counted(int(counts[first]), 'image')}", self.facts.each[first]
                if self.facts.counts is None:
                    raise DataError(f"set: fact 'ipc' is {wanted}, but {has}; every class needs {wanted}")
                raise DataError(f"set: fact 'counts' gives {wanted} for class {first}, but {has}")
            return
        ipc = max(self.facts.each)
        most = most_expanded(self.facts)  # FerKD's regions may leave images out
        if int(counts.max()) > most:
            first = int(counts.argmax())
            raise DataError(
                f"set: fact 'ipc' is {ipc}, but class {first} has {counted(int(counts[first]), 'image')}; at this ipc "
                f"a class has at most {most}, even expanded"
            )
        if len(names) > 1 and int((counts > 0).sum()) == 1:
            raise DataError(f"set: all {len(labels)} labels are class {int(labels[0])}, of {len(names)} classes")

    def _refuse_wrong_soft_labels(self, soft: Tensor) -> None:
        facts, wanted = self.facts, (len(self.images), len(self.facts.classes))
        if soft.shape != wanted:
            raise DataError(f"set: soft labels must be {list(wanted)}, images by classes, got {list(soft.shape)}")
        if facts.temperature is not None:
            _refuse_not_finite(soft, "soft labels, which are stored as float16,")
            if facts.top_k is not None and not is_packed(soft, facts.top_k):
                raise DataError(f"set: fact 'top_k' is {facts.top_k}, but soft labels have more logits of their own")
            return
        _refuse_not_finite(soft, "soft labels")
        sums = soft.sum(1)
        wrong = (soft < 0).any(1) | ((sums - 1).abs() > SUM_OFF)
        if bool(wrong.any()):
            row = int(wrong.nonzero()[0])
            raise DataError(
                f"set: soft labels must be probabilities of at least 0 and sum 1, but those of image {row} have the "
                f"sum {float(sums[row]):g} and the smallest is {float(soft[row].min()):g}; if they are logits, "
                "give their temperature in the facts"
            )

    @classmethod
    def from_compact(
        cls, compact: Compact, facts: SetFacts, soft_labels: Tensor | None = None, record: Record | None = None
    ) -> "SyntheticSet":
        """Return the set with the expansion of a compact form.

        Raises:
            DataError: `facts` do not fit `compact`.
        """
        return cls(
            images=compact.expanded(facts),
            labels=compact.labels(facts),
            soft_labels=soft_labels,
            facts=facts,
            compact=compact,
            record=record or Record(),
        )

    def stored_bytes(self) -> dict[str, int]:
        """Exact sizes before compression of the images (or of their compact form) and of the soft labels.

        Hard labels count 0, since they follow from the order of the images (except if FerKD's regions left images out).
        """
        images = {"images": 4 * self.images.numel()} if self.compact is None else self.compact.stored_bytes()
        if self.soft_labels is None:
            return images
        if self.facts.top_k is not None:
            return images | {"soft labels": packed_bytes(len(self), self.facts.top_k)}
        return images | {"soft labels": (4 if self.facts.temperature is None else 2) * self.soft_labels.numel()}

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) over images, classes and soft labels."""
        sha = hashlib.sha256()
        for tensor in (self.images, self.labels, self.soft_labels):
            if tensor is not None:
                sha.update(f"{tensor.dtype} {list(tensor.shape)}".encode() + tensor.contiguous().numpy().tobytes())
        return sha.hexdigest()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def probabilities(self) -> Float[Tensor, "n k"] | None:
        """Soft labels as class probabilities; logits become softmax(label / temperature). None if labels are hard."""
        soft, temperature = self.soft_labels, self.facts.temperature
        return soft if soft is None or temperature is None else (soft / temperature).softmax(1)

    @property
    def raw_images(self) -> Float[Tensor, "n c h w"]:
        """The images as [0, 1] pixels, not clipped. Only sets in the normalised space have them.

        Raises:
            DataError: the set is whitened, so that the real data is needed (see `ddkit.raw_images`).
        """
        if self.facts.mean is None or self.facts.std is None:
            raise DataError(
                f"set of '{self.facts.dataset}': its images are in the {self.facts.space} space, whose inverse is "
                f"refitted from the real data; use ddkit.raw_images(set)"
            )
        shape = (1, -1, 1, 1)
        return self.images * torch.tensor(self.facts.std).view(shape) + torch.tensor(self.facts.mean).view(shape)


def most_expanded(facts: SetFacts) -> int:
    """Return the largest number of images of a class, mirror images included, that a compact form can expand to."""
    ipc = max(facts.each)
    return ipc * facts.parts if facts.formation else 2 * (1 + len(facts.classes) * (ipc - 1))


def _numbers(value: Any, what: str, dtype: torch.dtype, shape: str, dims: int) -> Tensor:
    """Return a tensor of floats or whole numbers on the CPU in `dtype`, or raise DataError."""
    kind = "floats" if dtype.is_floating_point else "whole numbers"
    if not isinstance(value, Tensor):
        raise DataError(f"set: {what} must be a tensor {shape} of {kind}, got {type(value).__name__}")
    whole = not (value.is_floating_point() or value.is_complex() or value.dtype == torch.bool)
    fits = value.is_floating_point() if dtype.is_floating_point else whole
    if not fits or value.dim() != dims or value.layout != torch.strided or value.device.type == "meta":
        found = f"{value.dtype} {list(value.shape)}" + f", {value.layout}" * (value.layout != torch.strided)
        raise DataError(f"set: {what} must be {kind} {shape}, got {found}")
    return value.detach().cpu().to(dtype)


def _refuse_not_finite(tensor: Tensor, what: str) -> None:
    if count := int((~tensor.isfinite()).sum()):
        raise DataError(
            f"set: {what} have {count} of {tensor.numel()} numbers that are not finite; leave those images out"
        )


def _named(kind: Any) -> str:
    return getattr(kind, "__name__", "a Compact or None")
