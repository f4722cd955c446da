"""Facts of a set, which training on it needs, and the record of its origin."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, no_type_check

from ddkit.arguments import checked_fields
from ddkit.errors import DataError, nearest
from ddkit.synth.checks import (
    any_text,
    column,
    json_object,
    names,
    positive,
    share,
    shown,
    temperature,
    text,
    truth,
    whole,
)

SPACES = ("normalised", "zca")
"""Spaces of a set's images."""

_WRONG = {
    "normalised": "missing, but its images are normalised; give a number for each channel",
    "zca": "given, but its images are whitened (space 'zca'); leave it out, since the real data gives the inverse",
}


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

    Raises:
        DataError: a value has a wrong type, or is impossible (an ipc below 1, a std of 0, two classes of one name).
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

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            value = getattr(self, name)
            if value is not None or name not in _OPTIONAL:
                object.__setattr__(self, name, check(value, f"fact '{name}'"))
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

    @property
    def title(self) -> str:
        """Name of the set in tables: its method, with "+fyi" if the set was made with FYI."""
        return self.method + "+fyi" * self.fyi

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
}
_OPTIONAL = ("mean", "std", "lr", "temperature", "top_k")


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
