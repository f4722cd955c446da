"""The contract of a kind of data, which every public job uses. The two implementations are `Images` and `Graphs`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import torch

from ddkit.evaluation import Evaluation
from ddkit.jobs.comparison.lines import Comparison
from ddkit.jobs.planning.stages import Plan
from ddkit.jobs.recipes import ResolvedRecipe
from ddkit.jobs.recipes.request import Comparing, Judging, Request
from ddkit.jobs.runs.run import Run
from ddkit.jobs.runs.work import Made, Work
from ddkit.run import Change, Meter, RunFolder

RecipeT = TypeVar("RecipeT", bound=ResolvedRecipe)
"""The recipes of a kind."""


@runtime_checkable
class Kind(Protocol[RecipeT, Made]):
    """Images or graphs, with their recipes and their sets."""

    name: ClassVar[str]

    def resolve(self, request: Request) -> tuple[RecipeT, str]:
        """The resolved recipe of a request, and a line that names its source.

        Raises:
            UsageError: invalid settings, or options of the other kind.
        """
        ...

    def resume(self, folder: RunFolder, request: Request) -> tuple[RecipeT, list[Change]]:
        """The recipe of the run in a folder, overridden by the request's flags, and all changes since the run began."""
        ...

    def device(self, name: str) -> torch.device:
        """The device of that name.

        Raises:
            UsageError: there is no such device, or this kind does not run on it.
        """
        ...

    def default_folder(self, recipe: RecipeT) -> Path:
        """The default run folder of a recipe."""
        ...

    def begin(self, run: Run[RecipeT], request: Request, origin: str, evaluate: bool, meter: Meter) -> Work[Made]:
        """Load the data of a run, report facts about them, and refuse recipes that cannot work on them."""
        ...

    def plan(self, request: Request, device: torch.device, probe_seconds: float | None, meter: Meter) -> Plan:
        """The plan of a condensation; see `ddkit.plan`."""
        ...

    def header_rows(self, recipe: RecipeT) -> Mapping[str, str]:
        """Row names in a recipe's header -> row names in the table."""
        ...

    def tables(self, source: Made | str | Path, judging: Judging, meter: Meter) -> Iterator[Evaluation]:
        """One table for each requested pair of protocol and network."""
        ...

    def compare(self, comparing: Comparing, meter: Meter) -> Comparison:
        """The table of several recipes; see `ddkit.compare`."""
        ...

    def export(self, made: Made, form: str, path: Path, data: str | None, meter: Meter) -> Path:
        """Write a set in another format, and return the path of the output; see `ddkit.export`."""
        ...

    def publish(self, made: Made, folder: Path, repo: str, data: str | None, meter: Meter) -> tuple[str, ...]:
        """Write a set as a dataset repository for the Hugging Face Hub, and return the names of its files.

        `repo` is the repository's name there; "" if it is not known.
        """
        ...


AnyKind = Kind[Any, Any]
"""A kind that is known at run time only, because a request or a set determines it."""
