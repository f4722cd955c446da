"""The contract of sources of experts: they find, train and store the experts of a recipe.

A kind of expert is a settings class (`ddkit.experts.kinds`). Its class attribute `gives` names the source for this
kind. There are two sources, of trajectories and of teachers, and `NoExperts` for recipes without experts.
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
"""Bytes of an expert's file beside its parameters."""


@dataclass(frozen=True)
class Experts:
    """The experts of a recipe.

    Attributes:
        trajectories, teachers: at most one of the two is not None.
        digest: of all that the experts depend on; "" if there are none.
        trained: number of experts that were missing and were trained.
    """

    trajectories: "Trajectories | None" = None
    teachers: "Ensemble | None" = None
    digest: str = ""
    trained: int = 0


@dataclass(frozen=True)
class Stock:
    """Stored and missing experts.

    Attributes:
        there: number of stored experts.
        missing: number of missing experts.
        expert: bytes of one expert.
        disk: further bytes that the missing experts need.
    """

    there: int = 0
    missing: int = 0
    expert: int = 0
    disk: int = 0


@dataclass(frozen=True)
class Rehearsal:
    """A missing training, for a probe to rehearse.

    Attributes:
        settings: of the training.
        task: the data and the network.
        epochs: number of epochs.
        rows: number of snapshots that are held in memory until the expert is stored.
    """

    settings: ExpertSettings
    task: Task
    epochs: int
    rows: int


@runtime_checkable
class ExpertSource(Protocol):
    """The experts of a recipe."""

    def stock(self) -> Stock:
        """Count stored and missing experts. An expert with too few epochs counts as missing. Nothing is trained."""
        ...

    def files(self) -> list[Path]:
        """The files of the experts, all of which are stored."""
        ...

    def obtain(self, meter: Meter) -> AbstractContextManager[Experts]:
        """A block with the experts. Missing ones are trained, and no other run removes them within the block."""
        ...

    def stand_ins(self, folder: Path, seed: int) -> Experts:
        """Experts for a probe: untrained ones replace missing ones. Their files are written to `folder`."""
        ...

    def rehearsals(self) -> list[Rehearsal]:
        """The different missing trainings, for a probe."""
        ...

    @property
    def rehearsed(self) -> str:
        """What one rehearsal trains, in words."""
        ...

    def ways_to_less_disk(self, stock: Stock, free: int) -> list[str]:
        """Changes of settings after which the missing experts fit into `free` bytes of disk."""
        ...


class NoExperts:
    """The source of a recipe without experts."""

    rehearsed = "no expert"

    def stock(self) -> Stock:
        return Stock()

    def files(self) -> list[Path]:
        return []

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
    """The source of a recipe's experts.

    Args:
        settings: [experts] of the recipe; None: it has no experts.
        task: the data and the network; teachers replace the network by their own.
        epochs: number of epochs of a trajectory that the method reads.
    """
    if settings is None:
        return NoExperts()
    source: ExpertSource = resolve_name(SOURCES[settings.gives])(settings, task, epochs)
    return source
