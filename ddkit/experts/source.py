"""The contract of experts: where those of a recipe come from, whatever kind they are.

A kind of expert is settings (`ddkit.experts.kinds`); its class attribute `gives` names the source that trains and keeps
such experts. There are two, trajectories and teachers, and a third for recipes that need no experts.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ddkit.experts.settings import TEACHERS, TRAJECTORIES, ExpertSettings
from ddkit.run import Meter
from ddkit.task import Task

if TYPE_CHECKING:  # the sources import this file
    from ddkit.experts.teachers.ensemble import Ensemble
    from ddkit.experts.trajectories.trajectories import Trajectories

SOURCES = {
    TRAJECTORIES: "ddkit.experts.trajectories.source:TrajectorySource",
    TEACHERS: "ddkit.experts.teachers.source:TeacherSource",
}

HEADER = 2500
"""Bytes of an expert's file beside its numbers."""


@dataclass(frozen=True)
class Experts:
    """What a method gets: trajectories or teachers, or none of them.

    `digest` names all that they depend on; "" where there are none. `trained` counts those that were missing and had to
    be trained.
    """

    trajectories: "Trajectories | None" = None
    teachers: "Ensemble | None" = None
    digest: str = ""
    trained: int = 0


@dataclass(frozen=True)
class Stock:
    """Experts on the disk and those missing; bytes of one, and of what is missing."""

    there: int = 0
    missing: int = 0
    expert: int = 0
    disk: int = 0


@dataclass(frozen=True)
class Rehearsal:
    """One training that is missing: its settings, the task with the network to be trained, its epochs, and how many of
    its states are kept in memory until it is stored."""

    settings: ExpertSettings
    task: Task
    epochs: int
    rows: int


@runtime_checkable
class ExpertSource(Protocol):
    """The experts that a recipe asks for."""

    def stock(self) -> Stock:
        """What is there and what is missing; nothing is made. An expert that is too short counts as missing."""
        ...

    def obtain(self, meter: Meter) -> AbstractContextManager[Experts]:
        """The experts, trained where they are missing. Within the block nobody removes them."""
        ...

    def stand_ins(self, folder: Path, seed: int) -> Experts:
        """For a probe: experts that nobody trained in the place of those that are missing; files go into `folder`."""
        ...

    def rehearsals(self) -> list[Rehearsal]:
        """For a probe: each kind of training that is missing."""
        ...

    @property
    def rehearsed(self) -> str:
        """What one rehearsal trains, in words."""
        ...

    def ways_to_less_disk(self, stock: Stock, free: int) -> list[str]:
        """Settings to change where `free` bytes do not hold what is missing."""
        ...


class NoExperts:
    """The source of a recipe that needs none."""

    rehearsed = "no expert"

    def stock(self) -> Stock:
        return Stock()

    @contextmanager
    def obtain(self, meter: Meter) -> Iterator[Experts]:
        yield Experts()

    def stand_ins(self, folder: Path, seed: int) -> Experts:
        return Experts()

    def rehearsals(self) -> list[Rehearsal]:
        return []

    def ways_to_less_disk(self, stock: Stock, free: int) -> list[str]:
        return []


def source_of(settings: ExpertSettings | None, task: Task, epochs: int) -> ExpertSource:
    """Where the experts of a recipe come from.

    Args:
        settings: the recipe's experts; None: it needs none.
        task: what they are trained on. Teachers have networks of their own.
        epochs: how many epochs of a trajectory are read.
    """
    if settings is None:
        return NoExperts()
    source: ExpertSource = resolve_name(SOURCES[settings.gives])(settings, task, epochs)
    return source
