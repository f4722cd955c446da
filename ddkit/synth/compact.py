"""The contract of compact forms: what a set stores in place of its images, and the expansion that gives the images.

A form has parts, tensors that the file holds as they are, and an expansion, a pure function of the parts and the set's
facts. The images of the set are always those of the expansion. Hence a set has the same bits before it is written and
after it is read. `compensated.py` has INFER's form, `packed.py` that of several small images in one. A further form is
a class with this contract, and a line in `ddkit.synth.forms`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ddkit.equality import EqualByContent
from ddkit.synth.facts import SetFacts


class Compact(EqualByContent, ABC):
    """The parts that a set stores in place of its images.

    Attributes:
        names: those of the parts, in the order of the datasets in the file.
        expansions: names of the form's expansions in files. A change of an expansion changes its name.
    """

    names: ClassVar[tuple[str, ...]]
    expansions: ClassVar[tuple[str, ...]]

    @classmethod
    @abstractmethod
    def of_parts(cls, parts: Mapping[str, Tensor], expansion: str, facts: SetFacts) -> "Compact":
        """The form of the parts of a file.

        Raises:
            DataError: parts have a wrong dtype, do not fit together, or are not finite; or facts are missing.
        """

    @property
    @abstractmethod
    def expansion(self) -> str:
        """The name of this form's expansion, one of `expansions`."""

    @property
    @abstractmethod
    def parts(self) -> dict[str, Tensor]:
        """What is stored, by `names`."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int, int, int]:
        """The shape [N, C, H, W] of the expanded images."""

    @abstractmethod
    def labels(self, facts: SetFacts) -> Int[Tensor, " i"]:
        """The class of each expanded image.

        Raises:
            DataError: the facts do not fit the parts.
        """

    @abstractmethod
    def expanded(self, facts: SetFacts) -> Float[Tensor, "i c h w"]:
        """Return all images in the space of the set.

        Raises:
            DataError: the facts do not fit the parts.
        """

    @abstractmethod
    def pieces(self) -> Sequence["Compact"]:
        """Forms of some of the images each, in order. Expanded one after another, they need less memory."""

    @abstractmethod
    def summary(self, ipc: int) -> str:
        """A line that says what is stored, in a budget of `ipc` images of each class, and what it expands to."""

    @abstractmethod
    def stored_bytes(self) -> dict[str, int]:
        """Exact sizes of the parts, by what they are."""

    def expands_to(self, images: Tensor, facts: SetFacts) -> bool:
        """Whether these are the images of the expansion."""
        if images.shape != self.shape:
            return False
        pieces = self.pieces()
        return all(
            torch.equal(own, piece.expanded(facts))
            for own, piece in zip(images.split([piece.shape[0] for piece in pieces]), pieces, strict=True)
        )
