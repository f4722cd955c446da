"""Facts of a set, which training on it needs, and the record of its origin."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, no_type_check

from ddkit.arguments import checked_fields
from ddkit.errors import DataError, nearest
from ddkit.recipe import images_a_class
from ddkit.synth.checks import (
    any_text,
    class_counts,
    column,
    json_object,
    names,
    positive,
    several,
    share,
    shown,
    temperature,
    text,
    truth,
    whole,
)
from ddkit.synth.formation_names import formation_suffix

SPACES = ("normalised", "zca")
"""Spaces of a set's images."""

_WRONG = {
    "normalised": "missing, but its images are normalised; give a number for each channel",
    "zca": "given, but its images are whitened (space 'zca'); leave it out, since the real data gives the inverse",
}


LATER = ("counts", "formation")
"""Facts that files of the first versions do not have."""


class LabelTerms(NamedTuple):
    """The form of soft labels that are teachers' logits.

    Attributes:
        temperature: at which the logits are learned.
        top_k: number of largest logits that a label keeps; None: all.
    """

    temperature: float
    top_k: int | None


@no_type_check  # the class checks types itself; in tests, jaxtyping would raise its own error first
@checked_fields
@dataclass(frozen=True, kw_only=True)
class SetFacts:
    """The facts that training on a set needs. They are short values, stored as root attributes of the file.

    Attributes:
        ipc: images of each class; None if classes are uneven.
        space: the space of the images. "normalised": (raw - mean) / std with raw in [0, 1]; it needs mean and std.
            "zca": whitened, without mean and std; the matrix is refitted from the real data and compared with
            `preprocess_digest`.
        evaluation_flip: the probability with which training on the set should mirror an image. (ddkit's evaluator
            mirrors with probability 0.5 if this is 0.5, and otherwise as `augment` does.)
        fyi: whether images were learned together with their mirror images.
        lr: the inner learning rate that the method learned.
        temperature: if given, soft labels are logits, learned with the cross entropy between
            softmax(label / temperature) and softmax(output / temperature).
        teachers: names of the teachers that gave the logits.
        top_k: if given, each soft label keeps only this many logits, see `ddkit.synth.top_k`.
        counts: images of each class, if classes are uneven.
        formation: if given, each stored image is formation x formation small ones, see `ddkit.synth.packing`. `ipc` and
            `counts` are the stored images.

    Raises:
        DataError: a value has a wrong type, or is impossible (an ipc below 1, neither ipc nor counts, a std of 0,
            two classes of one name).
    """

    method: str
    dataset: str
    data_digest: str
    classes: tuple[str, ...]
    ipc: int | None = None
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
    counts: tuple[int, ...] | None = None
    formation: int | None = field(default=None, repr=False)  # names of stored scores of earlier versions lack it

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            value = getattr(self, name)
            if value is not None or name not in _OPTIONAL:
                object.__setattr__(self, name, check(value, f"fact '{name}'"))
        self._refuse_wrong_counts()
        if self.space not in SPACES:
            raise DataError(
                f"set: fact 'space' is {shown(self.space)}, which is unknown; {nearest(self.space, SPACES)}"
            )
        for name in ("mean", "std"):
            if (getattr(self, name) is not None) == (self.space == "zca"):
                raise DataError(f"set: fact '{name}' is {_WRONG[self.space]}")
        mean, std = self.mean or (), self.std or ()
        if len(mean) != len(std):
            raise DataError(
                f"set: facts 'mean' and 'std' must have the same length, got {len(mean)} and {len(std)} numbers"
            )
        for value in std:
            positive(value, "fact 'std'")
        if self.top_k is not None and (self.temperature is None or self.top_k >= len(self.classes)):
            raise DataError(
                f"set: fact 'top_k' is {self.top_k}; it needs a temperature and more classes than that, got "
                f"{self.temperature} and {len(self.classes)}"
            )

    def _refuse_wrong_counts(self) -> None:
        """Raise DataError unless the number of images of every class is stated exactly once."""
        if (self.ipc is None) == (self.counts is None):
            found = "both are missing" if self.ipc is None else "both are given"
            raise DataError(f"set: needs fact 'ipc', or fact 'counts' if its classes are uneven, but {found}")
        if self.counts is None:
            return
        if len(self.counts) != len(self.classes):
            raise DataError(
                f"set: fact 'counts' must be one number for each of {len(self.classes)} classes, got {len(self.counts)}"
            )
        if len(set(self.counts)) == 1:
            raise DataError(f"set: fact 'counts' is {self.counts[0]} for every class; give fact 'ipc' instead")

    @property
    def each(self) -> tuple[int, ...]:
        """Images of each class."""
        return self.counts or (self.ipc or 0,) * len(self.classes)

    @property
    def images_a_class(self) -> str:
        """Images of a class in words: "3", or "1 to 5" if classes are uneven."""
        return images_a_class(self.each)

    def stated(self) -> dict[str, Any]:
        """All facts by name, without those of LATER that are None, as in files of earlier versions."""
        found = dataclasses.asdict(self)
        return {name: value for name, value in found.items() if name not in LATER or value is not None}

    @property
    def title(self) -> str:
        """Name of the set in tables: its method, with "+fyi" for FYI and "+2x2" for packed images."""
        return self.method + "+fyi" * self.fyi + formation_suffix(self.formation)

    @property
    def parts(self) -> int:
        """Images in the place of a stored one: formation^2, or 1."""
        return (self.formation or 1) ** 2

    @property
    def expects_flips(self) -> bool:
        """Whether training on the set should mirror half of the images at each step."""
        return self.evaluation_flip == 0.5

    @property
    def mirrored_by_fyi(self) -> bool:
        """Whether training on the set, because of FYI, uses both orientations of an image equally often. The teachers'
        logits of an image are then the mean over both orientations."""
        return self.fyi and self.expects_flips

    @property
    def label_terms(self) -> LabelTerms | None:
        """The form of the set's labels if they are teachers' logits; None if the set has other labels."""
        return None if self.temperature is None else LabelTerms(self.temperature, self.top_k)


_CHECKS: dict[str, Callable[[Any, str], Any]] = {
    **dict.fromkeys(
        ("method", "dataset", "data_digest", "space", "preprocess_digest", "net", "augment", "teachers"), text
    ),
    "classes": names,
    "ipc": whole,
    "evaluation_flip": share,
    "fyi": truth,
    "mean": column,
    "std": column,
    "lr": positive,
    "temperature": temperature,
    "top_k": whole,
    "counts": class_counts,
    "formation": several,
}
_OPTIONAL = ("ipc", "mean", "std", "lr", "temperature", "top_k", "counts", "formation")


@no_type_check  # the class checks types itself; in tests, jaxtyping would raise its own error first
@checked_fields
@dataclass(frozen=True, kw_only=True)
class Record:
    """The origin of a set: the resolved recipe as TOML, and environment, lineage and scores as JSON texts.

    Raises:
        DataError: one of them is not a text, or not an object of JSON.
    """

    recipe: str = ""
    environment: str = "{}"
    lineage: str = "{}"
    scores: str = "{}"

    def __post_init__(self) -> None:
        any_text(self.recipe, "the recipe")
        for name in ("environment", "lineage", "scores"):
            json_object(getattr(self, name), f"'{name}'")
