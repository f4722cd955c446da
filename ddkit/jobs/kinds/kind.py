"""The contract of a kind of data. There are two kinds, images and graphs; every public job runs through it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch

from ddkit.evaluation import Evaluation
from ddkit.jobs.comparison.lines import Comparison
from ddkit.jobs.planning.stages import Plan
from ddkit.jobs.recipes import ResolvedRecipe
from ddkit.jobs.recipes.request import Comparing, Judging, Request
from ddkit.jobs.runs.run import Run
from ddkit.jobs.runs.work import Work
from ddkit.run import Change, Meter, RunFolder


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
