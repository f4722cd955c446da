"""A set that others released, as its files have it, and the contract of the readers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from ddkit.releases.unpickled import read_torch
from ddkit.synth import SetFacts

BLOCKS = "blocks"
"""In place of a file of labels: equally many images a class, class by class."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Release:
    """The content of a release. Nothing is converted yet.

    Attributes:
        layout: the name of the layout.
        images: [N, C, H, W], [N, H, W, C], [N, H, W] or [N, D], bytes or floats.
        labels: whole numbers [N], or floats [N, K]; None: class by class, equally many of each.
        soft: soft labels [N, K], if the release has them beside the classes.
        files: the files that were read.
        classes: the names that the labels count; () if the release does not have them.
        lr: the learned learning rate.
        entry: the index of the chosen set in a file of several sets; None if the layout has one set a file.
        entries: how many sets the file has.
        accuracies: networks -> test accuracies that the file has, over all of its sets.
        facts: of a set that ddkit exported.
        family: whose constants normalised images have by default; see `ddkit.releases.constants`.
        packed: whether images may be several small ones each, so that the factor must be given.
        uneven: whether classes may have different numbers of images, if labels are whole numbers.
        notes: on what was read and what was not.
    """

    layout: str
    images: Tensor
    labels: Tensor | None
    files: tuple[Path, ...]
    soft: Tensor | None = None
    classes: tuple[str, ...] = ()
    lr: float | None = None
    entry: int | None = None
    entries: int = 1
    accuracies: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    facts: SetFacts | None = None
    family: str = "dc"
    packed: bool = False
    uneven: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choices:
    """The choices of the user that decide what is read.

    Attributes:
        entry: index of a set in a file of several sets, below 0 from the end; None: the last one.
        labels: file of labels, or BLOCKS; None: the file beside the images that has the name of labels.
    """

    entry: int | None = None
    labels: str | Path | None = None


@dataclass(frozen=True, eq=False)
class Source:
    """A path, and the object in it if it is a file of `torch.save`."""

    path: Path

    @cached_property
    def where(self) -> str:
        """The beginning of error lines."""
        return f"release '{self.path}'"

    @cached_property
    def is_torch(self) -> bool:
        """Whether the path is a file of `torch.save` by its name."""
        return self.path.suffix.lower() in (".pt", ".pth", ".pkl", ".tar")

    @cached_property
    def content(self) -> Any:
        """The object in the file.

        Raises:
            DataError: the file is damaged, or has objects other than tensors and plain values.
        """
        return read_torch(self.path, self.where)


@runtime_checkable
class Layout(Protocol):
    """One way in which sets are released.

    Attributes:
        name: of the layout, in lines for the user.
        choices: names of the fields of `Choices` that it reads.
    """

    @property
    def name(self) -> str: ...

    @property
    def choices(self) -> tuple[str, ...]: ...

    def recognises(self, source: Source) -> bool:
        """Return whether a source has this layout, by its names and types."""
        ...

    def read(self, source: Source, choices: Choices) -> Release:
        """Read the set.

        Raises:
            UsageError: a choice is needed.
            DataError: the files are damaged, or have other content than the layout.
        """
        ...
