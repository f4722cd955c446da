"""The contract of a kind of data. There are two kinds, images and graphs; every public job runs through it.

A `Kind` makes recipes and answers jobs. A `Work` is one run whose data are loaded: it makes the method, and it writes,
draws and scores the set.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import torch

from ddkit.evaluation import Evaluation
from ddkit.jobs.comparison import Comparison
from ddkit.jobs.recipes import ResolvedRecipe
from ddkit.jobs.request import Comparing, Judging, Request
from ddkit.jobs.runs import Run
from ddkit.jobs.stages import Plan
from ddkit.methods import Method
from ddkit.run import Change, Meter, RunFolder

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


@runtime_checkable
class Kind(Protocol):
    """Images or graphs."""

    name: ClassVar[str]

    def resolve(self, request: Request) -> tuple[ResolvedRecipe, str]:
        """The recipe that is asked for, every setting filled in, and a line that says where it comes from.

        Raises:
            UsageError: settings that cannot be obeyed, or options of the other kind.
        """
        ...

    def resume(self, folder: RunFolder, request: Request) -> tuple[ResolvedRecipe, list[Change]]:
        """The recipe of the run in a folder with the request's flags laid over it, and all changes since it began."""
        ...

    def device(self, name: str) -> torch.device:
        """The device of that name.

        Raises:
            UsageError: there is none, or this kind does not run there.
        """
        ...

    def default_folder(self, recipe: ResolvedRecipe) -> Path:
        """The run folder where none is given."""
        ...

    def begin(self, run: Run, request: Request, origin: str, evaluate: bool, meter: Meter) -> Work[Any, Any]:
        """Load the data of a run, say what a user must know of it, and refuse what cannot work."""
        ...

    def plan(self, request: Request, device: torch.device, probe_seconds: float, meter: Meter) -> Plan: ...

    def header_rows(self, recipe: ResolvedRecipe) -> Mapping[str, str]:
        """Names of rows in the header of a recipe -> their names in the table."""
        ...

    def tables(self, source: Any, judging: Judging, meter: Meter) -> Iterator[Evaluation]:
        """One table for each protocol and network that is asked for."""
        ...

    def compare(self, comparing: Comparing, meter: Meter) -> Comparison: ...

    def export(self, source: str, form: str, out: Path | None, data: str | None, meter: Meter) -> list[str]:
        """Write a set in another form, and give lines on what was written."""
        ...
