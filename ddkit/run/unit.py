"""A unit of work: a small picklable object that any worker can run."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, runtime_checkable

Report = Callable[[Any], None]
"""A function that receives progress and results from a unit of work."""


@runtime_checkable
class Unit(Protocol):
    """One piece of work that depends on no other one. It can be pickled, and hence sent to any worker."""

    def run(self, common: Any, report: Report) -> None:
        """Do the work.

        Args:
            common: the object that all units of one call share. It must not be changed.
            report: receives progress and results. They must contain arrays instead of tensors, since torch would pass
                tensors as handles to the memory of a process that may have ended.
        """
        ...


SomeUnit = TypeVar("SomeUnit", bound=Unit)
Watch = Callable[[Any, Any], None]
"""A function that is called with a unit and its latest report."""


def no_watch(unit: Any, item: Any) -> None:
    """Do nothing with reports."""
