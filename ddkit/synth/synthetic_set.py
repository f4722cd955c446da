"""The synthetic set in memory."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ddkit.errors import DataError
from ddkit.synth.compact import Compact
from ddkit.synth.top_k import packed_bytes


@dataclass(frozen=True, kw_only=True)
class SetFacts:
    """What a trainer must know of a set. Short values only: they become root attributes of the file.

    `space` says where `images` live: "normalised" ((raw - mean) / std with raw in [0, 1]) or "zca" (whitened; the
    matrix is refitted from the real data and held against `preprocess_digest`). `evaluation_flip` is the probability
    with which training on the set should mirror an image (ddkit's evaluator has two policies: 0.5 where a set says so,
    else what `augment` has), `fyi` whether images were learned with their mirror images.
    `lr` is the inner learning rate the method learned. Where `temperature` is given, soft labels are logits, to be
    learned at it: cross entropy between softmax(label / temperature) and softmax(output / temperature); `teachers` says
    whose. With `top_k` only so many logits of each are its own, see `ddkit.synth.top_k`.
    """

    method: str
    dataset: str
    data_digest: str
    classes: tuple[str, ...]
    ipc: int
    space: str
    preprocess_digest: str
    net: str
    augment: str = ""
    evaluation_flip: float = 0.0
    fyi: bool = False
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    lr: float | None = None
    temperature: float | None = None
    top_k: int | None = None
    teachers: str = ""

    @property
    def mirrored_by_fyi(self) -> bool:
        """Whether FYI has whoever trains on it see both orientations alike often: what teachers say of an image is then
        the mean of both."""
        return self.fyi and self.evaluation_flip == 0.5


@dataclass(frozen=True, kw_only=True)
class Record:
    """Where a set comes from: the resolved recipe as TOML, and environment, lineage and scores as JSON texts."""

    recipe: str = ""
    environment: str = "{}"
    lineage: str = "{}"
    scores: str = "{}"


@dataclass(frozen=True, kw_only=True)
class SyntheticSet:
    """Images [N, C, H, W] in the network's space, classes [N], and optionally soft labels [N, K].

    Soft labels are class probabilities, or logits where `facts.temperature` is given; logits are stored as float16. A
    set whose images are the expansion of something smaller has that as `compact`, and is stored so.

    Raises:
        DataError: tensors of a wrong dtype or shape, or a label that names no class.
    """

    images: Float[Tensor, "n c h w"]
    labels: Int[Tensor, " n"]
    facts: SetFacts
    soft_labels: Float[Tensor, "n k"] | None = None
    compact: Compact | None = None
    record: Record = field(default_factory=Record)

    def __post_init__(self) -> None:
        rows, classes = len(self.images), len(self.facts.classes)
        if self.images.dim() != 4 or not self.images.is_floating_point():
            found = f"{self.images.dtype} {list(self.images.shape)}"
            raise DataError(f"set: images must be floats [N, C, H, W], got {found}")
        if self.labels.shape != (rows,) or self.labels.is_floating_point():
            found = f"{self.labels.dtype} {list(self.labels.shape)}"
            raise DataError(f"set: labels must be integers [{rows}], one for each image, got {found}")
        if rows and not 0 <= int(self.labels.min()) <= int(self.labels.max()) < classes:
            raise DataError(f"set: a label lies outside the {classes} classes")
        if self.soft_labels is not None and self.soft_labels.shape != (rows, classes):
            found = str(list(self.soft_labels.shape))
            raise DataError(f"set: soft labels must be [{rows}, {classes}], images by classes, got {found}")

    @classmethod
    def from_compact(
        cls, compact: Compact, facts: SetFacts, soft_labels: Tensor | None = None, record: Record | None = None
    ) -> "SyntheticSet":
        """The set that a compact form expands to.

        Raises:
            DataError: `facts` hold no mean and std.
        """
        if facts.mean is None or facts.std is None:
            raise DataError("compact set: has no mean and std, without which it cannot be expanded")
        return cls(
            images=compact.expand(facts.mean, facts.std),
            labels=compact.labels(),
            soft_labels=soft_labels,
            facts=facts,
            compact=compact,
            record=record or Record(),
        )

    def stored_bytes(self) -> dict[str, int]:
        """What the set's numbers take, to the byte and before compression: images (or what they are expanded from) and
        soft labels. Classes cost nothing, as they follow from the order (but where FerKD's regions left images out)."""
        images = {"images": 4 * self.images.numel()} if self.compact is None else self.compact.stored_bytes()
        if self.soft_labels is None:
            return images
        if self.facts.top_k is not None:
            return images | {"soft labels": packed_bytes(len(self), self.facts.top_k)}
        return images | {"soft labels": (4 if self.facts.temperature is None else 2) * self.soft_labels.numel()}

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def raw_images(self) -> Float[Tensor, "n c h w"]:
        """The images back in [0, 1] pixels, not clipped; only for sets in the normalised space.

        Raises:
            DataError: the set is whitened, so that the real data is needed (see `ddkit.jobs.raw_images`).
        """
        if self.facts.mean is None or self.facts.std is None:
            raise DataError(
                f"set of '{self.facts.dataset}': its images are in the {self.facts.space} space, whose inverse is "
                f"refitted from the real data; use ddkit.raw_images(set)"
            )
        shape = (1, -1, 1, 1)
        return self.images * torch.tensor(self.facts.std).view(shape) + torch.tensor(self.facts.mean).view(shape)
