"""The contract of a run whose data are loaded. A `Work` builds the method, and writes, draws and scores the set.

The two implementations are `ImageWork` and `GraphWork`.
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from ddkit.evaluation import Evaluation
from ddkit.executors import Ahead
from ddkit.experts import Experts
from ddkit.jobs.recipes import ResolvedRecipe
from ddkit.jobs.runs.run import Run
from ddkit.methods import Method
from ddkit.report import Page
from ddkit.run import Meter
from ddkit.synth import GraphSet, SyntheticSet

Made = TypeVar("Made", bound=SyntheticSet | GraphSet)
"""The sets of a kind."""


@runtime_checkable
class Scoring(Protocol):
    """The table of one set. After an interruption, finished rows are not scored again."""

    def check(self) -> None:
        """Raise DataError if a stored score of an interrupted evaluation is damaged."""
        ...

    def held(self) -> AbstractContextManager[None]:
        """A block in which no other run removes the stored scores."""
        ...

    def begin(self, meter: Meter) -> Ahead | None:
        """Begin to score rows that do not depend on the set's images, on idle cores; None if nothing was begun."""
        ...

    def continues(self, other: Any) -> bool:
        """Whether rows that `other`, an earlier scoring of the same run, has begun are rows of this table."""
        ...

    def evaluate(self, meter: Meter) -> Evaluation:
        """Score all rows."""
        ...

    def clear(self) -> None:
        """Remove the stored scores once the table is written."""
        ...


@runtime_checkable
class Work(Protocol[Made]):
    """One run whose data are loaded."""

    @property
    def run(self) -> Run[ResolvedRecipe]: ...

    def refuse_other_data(self) -> None:
        """Raise DataError if the run began with other data."""
        ...

    def experts(self, meter: Meter) -> AbstractContextManager[tuple[Experts, str]]:
        """A block with the experts and their digest; "" if the method reads none. Missing experts are trained."""
        ...

    def method(self, experts: Experts) -> Method[Made]:
        """The recipe's method on the loaded data."""
        ...

    def state_digest(self, experts: str) -> str:
        """A digest of all that the state in a checkpoint depends on; `experts` is the experts' digest."""
        ...

    def lineage(self, experts: str) -> dict[str, object]:
        """Digests of the data and the experts, which the set's record holds."""
        ...

    def iteration_meter(self, meter: Meter) -> Meter:
        """The meter that the iterations advance."""
        ...

    def write(self, made: Made, file: Path) -> None:
        """Write a set to a file."""
        ...

    def draw(self, made: Made, meter: Meter) -> None:
        """Write the pictures, and report facts that matter to readers of the scores."""
        ...

    def report(self) -> Page:
        """The report of the finished run."""
        ...

    def scoring(self, made: Made, experts: Experts) -> Scoring:
        """The table of the set, not yet scored."""
        ...
