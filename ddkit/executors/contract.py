"""The contract of executors: units of work, what each needs, and who runs them.

A unit is a small picklable object that depends on no other unit. All units of one call share a common object, for
example the real data. An executor runs the units, several at once, and yields each result when it is there. The caller
writes the results, so that workers need no file system in common with it.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch

Report = Callable[[Any], None]
"""A function that receives the progress of a unit: a small value, for example the number of finished steps."""


@runtime_checkable
class Unit(Protocol):
    """One piece of work. The same unit with the same common object gives the same result wherever it runs."""

    def run(self, common: Any, report: Report) -> Any:
        """Do the work.

        Args:
            common: the object that all units of one call share. It must not be changed.
            report: receives the progress.

        Returns:
            The result. It can be pickled.
        """
        ...


@runtime_checkable
class FileUnit(Unit, Protocol):
    """A unit that reads or writes files of the caller.

    An executor whose workers all see the caller's files runs it like any other unit. Another executor lets each worker
    look for the unit's folder (`shipping.marked`, `Place.is_here`). A worker that sees it runs the unit. Otherwise the
    executor calls `parcel`, copies the parcel's files to the worker (`executors.inputs`), runs the parcel's unit there,
    and yields what `receive` returns for its result. The units of one call may share a folder.
    """

    @property
    def folder(self) -> Path:
        """The folder of the caller's files."""
        ...

    def parcel(self, common: Any) -> "Parcel":
        """The same work for a worker that does not see the caller's files."""
        ...

    def receive(self, result: Any) -> Any:
        """Write the files in the result of a parcel's unit, and return what `run` would have returned."""
        ...


@dataclass(frozen=True)
class Parcel:
    """The work of a unit for another file system.

    Attributes:
        unit: reads no file of the caller except `files`, and writes none.
        files: files of the caller, for example experts. They are copied to the worker's home; see `executors.inputs`.
    """

    unit: Unit
    files: Sequence[Path] = ()


SomeUnit = TypeVar("SomeUnit", bound=Unit)


@dataclass(frozen=True)
class Needs:
    """What one unit needs.

    Attributes:
        device: the kind of device.
        memory: bytes of the device's memory; 0: few, or unknown.
        shared: bytes of the common object there, of which each process on a GPU has a copy.
        rough: how many times too large `memory` may be. A unit is refused only if `memory` / `rough` is too much.
    """

    device: torch.device
    memory: int = 0
    shared: int = 0
    rough: int = 1


def _ignore(*_: object) -> None:
    pass


@dataclass(frozen=True)
class Watch:
    """Receives what happens while units run.

    Attributes:
        progress: is called with a unit and its latest report.
        lost: is called with one line if a worker died and its unit is run again.
    """

    progress: Callable[[Any, Any], None] = _ignore
    lost: Callable[[str], None] = _ignore


RETRIES = 3
"""How often a unit whose worker died is run again."""


@runtime_checkable
class Executor(Protocol):
    """Runs units of work."""

    @property
    def name(self) -> str:
        """The name that `--executor` takes."""
        ...

    @property
    def elsewhere(self) -> bool:
        """Whether units may run on other machines."""
        ...

    def at_once(self, needs: Needs) -> int:
        """The number of units that run at the same time."""
        ...

    def run(
        self, units: Sequence[SomeUnit], common: Any, needs: Needs, watch: Watch
    ) -> Generator[tuple[SomeUnit, Any], None, None]:
        """Run all units. They begin in their order.

        Yields:
            (unit, result) of each unit in the order of completion. When the iterator ends or is closed, no unit runs.

        Raises:
            DDKitError: the error of a unit; the others are ended. Or workers died too often.
        """
        ...
