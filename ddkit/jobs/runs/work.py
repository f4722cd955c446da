"""The contract of one run whose data are loaded: it makes the method, and it writes, draws and scores the set.

There are two implementations, `ImageWork` and `GraphWork`.
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from ddkit.evaluation import Evaluation
from ddkit.jobs.runs.run import Run
from ddkit.methods import Method
from ddkit.run import Meter

Made = TypeVar("Made", contravariant=True)
"""The sets of a kind: SyntheticSet or GraphSet."""

Experts = TypeVar("Experts")
"""The experts of a kind."""


@runtime_checkable
class Scoring(Protocol):
    """The table of one set. A kill loses no row that is finished."""

    def check(self) -> None:
        """Raise DataError if a score that an interrupted evaluation kept is damaged."""
        ...

    def held(self) -> AbstractContextManager[None]:
        """Within the block no other run removes the scores that are kept."""
        ...

    def evaluate(self, meter: Meter) -> Evaluation: ...

    def clear(self) -> None:
        """Remove what was kept for the case of a kill, once the table is written."""
        ...


@runtime_checkable
class Work(Protocol[Made, Experts]):
    """One run whose data are loaded."""

    @property
    def run(self) -> Run: ...

    def refuse_other_data(self) -> None:
        """Raise DataError if the run began with other data."""
        ...

    def experts(self, meter: Meter) -> AbstractContextManager[tuple[Experts, str]]:
        """The experts, trained where they are missing, and a digest of them; "" if the method reads none."""
        ...

    def method(self, experts: Experts) -> Method: ...

    def state_digest(self, experts: str) -> str:
        """A digest of what the state in a checkpoint depends on."""
        ...

    def lineage(self, experts: str) -> dict[str, Any]:
        """The digests that the set keeps of what it was made from."""
        ...

    def watching(self, meter: Meter) -> Meter:
        """The meter of the iterations."""
        ...

    def write(self, made: Made, file: Path) -> None: ...

    def draw(self, made: Made, meter: Meter) -> None:
        """Write the pictures, and say what a reader of the scores must know of the set."""
        ...

    def scoring(self, made: Made, experts: Experts) -> Scoring: ...
