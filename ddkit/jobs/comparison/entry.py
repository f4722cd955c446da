"""One recipe of a comparison: its runs under several seeds, each in a folder of its own, and what they took."""

import dataclasses
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ddkit.data import DataSettings, RealData
from ddkit.errors import DataError, UsageError
from ddkit.evaluation import EvaluateSettings
from ddkit.experts import Ensemble
from ddkit.experts.settings import TEACHERS
from ddkit.jobs.machine.stopwatch import Spent, Stopwatch
from ddkit.jobs.recipes import Recipe, changed_settings
from ddkit.jobs.recipes.resolve import parse_images
from ddkit.jobs.runs.images import ImageWork
from ddkit.jobs.runs.make import make
from ddkit.jobs.runs.resume import resumed
from ddkit.jobs.runs.run import Run
from ddkit.run import Meter, Report, RunFolder, read_json, write_json
from ddkit.synth import read_set
from ddkit.task import Task


class DamagedSet(DataError):
    """A set of a run that cannot be read."""


@dataclass(frozen=True)
class Condensing:
    """The note of what a set took: seconds."""

    condensing: float


@dataclass(frozen=True)
class Entry:
    """One recipe: what it is called, and its form for each seed."""

    name: str
    recipes: tuple[Recipe, ...]

    @property
    def method(self) -> str:
        """The method's name, and whether it wears FYI."""
        return self.recipes[0].method.title

    @property
    def task_key(self) -> tuple[DataSettings, Any]:
        """What must be equal for two recipes to share a task."""
        first = self.recipes[0]
        return _undeclared(first).data, first.net

    @property
    def group(self) -> tuple[Any, ...]:
        """What must be equal for two recipes' rows to be comparable."""
        first = self.recipes[0]
        evaluate = dataclasses.replace(first.evaluate, flips="auto")  # the group decides
        return *self.task_key, evaluate, first.method.ipc

    def folder(self, out: Path, recipe: Recipe) -> RunFolder:
        """A run's folder; its name carries a digest of the recipe, so that other settings never meet in it. Defaults
        are no part of it: a setting that a later version adds leaves the folders of today where they are."""
        digest = hashlib.sha256(repr(changed_settings(_shaping(recipe))).encode()).hexdigest()[:8]
        return RunFolder(out / f"{self.name}-{digest}-seed{recipe.seed}")

    def finished(self, out: Path, recipe: Recipe) -> bool:
        """Whether the recipe's set is made."""
        folder = self.folder(out, recipe)
        return folder.set.exists() and _seconds_file(folder).exists()

    def seconds(self, out: Path) -> tuple[float, ...]:
        """What each set took to condense.

        Raises:
            DataError: a note of it is damaged.
        """
        files = [_seconds_file(self.folder(out, recipe)) for recipe in self.recipes]
        return tuple(read_json(file, Condensing).condensing for file in files)

    def expert_seconds(self, out: Path) -> float | None:
        """What the experts took, where a comparison in this folder trained them."""
        file = _expert_file(self, out)
        return read_json(file, Spent).seconds if file.exists() else None


@dataclass(frozen=True)
class CondenseSet:
    """A unit of work: make the set of one of an entry's recipes in its run folder, or go on with it."""

    entry: Entry
    recipe: Recipe
    out: Path
    device: torch.device

    def run(self, common: Mapping[Any, Task], report: Report) -> None:
        """`common` holds the tasks of all entries by `Entry.task_key`."""
        folder = self.entry.folder(self.out, self.recipe)
        with folder.locked():
            watch = Stopwatch(folder.path / "spent.json")
            run = Run(self.recipe, folder, self.device, folder.recipe.exists())
            make(ImageWork(run, common[self.entry.task_key]), False, watch)
            write_json(_seconds_file(folder), {"condensing": watch.seconds})


def _shaping(recipe: Recipe) -> Recipe:
    """All of a recipe that shapes its set."""
    return dataclasses.replace(_undeclared(recipe), evaluate=EvaluateSettings())


def _undeclared(recipe: Recipe) -> Recipe:
    """The recipe without its word on flips, which allows and forbids, and shapes nothing."""
    return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, flips_keep_label=None))


def refuse_another(folder: RunFolder, recipe: Recipe, real: RealData) -> None:
    """Raise if the folder's run is not what its name says: continued by hand under other settings, or of other data.

    Raises:
        UsageError: the settings are others.
        DamagedSet: its set cannot be read.
        DataError: the data are others.
    """
    if not folder.recipe.exists():
        return
    own, changes = resumed(folder, (), parse_images)
    if changes or _shaping(own) != _shaping(recipe):
        raise UsageError(
            f"folder '{folder.path}': its run went on under other settings than the recipe's; move it away, or put "
            "them into the recipe"
        )
    if not folder.set.exists():
        return
    try:
        theirs = read_set(folder.set).facts.data_digest
    except DataError as error:
        raise DamagedSet(str(error)) from None
    if theirs != real.data.digest:
        raise DataError(
            f"set '{folder.set}': was made with other data (digest {theirs[:8]}) than found here "
            f"({real.data.digest[:8]}); choose another --out"
        )


def _seconds_file(folder: RunFolder) -> Path:
    return folder.path / "seconds.json"


def collect_experts(entry: Entry, task: Task, out: Path, meter: Meter) -> None:
    """Bring a recipe's experts, and note what it took if some had to be trained."""
    begin = time.perf_counter()
    with entry.recipes[0].source(task).obtain(meter) as experts:
        trained = experts.trained
    if trained:
        write_json(_expert_file(entry, out), {"seconds": time.perf_counter() - begin})


def teachers_for(entry: Entry, task: Task, meter: Meter) -> Ensemble | None:
    """A recipe's teachers, if it has such experts."""
    experts = entry.recipes[0].experts
    if experts is None or experts.gives != TEACHERS:
        return None
    with entry.recipes[0].source(task).obtain(meter) as found:
        return found.teachers


def _expert_file(entry: Entry, out: Path) -> Path:
    first = entry.recipes[0]
    what = repr((first.data, first.net, first.experts, first.method.reads_epochs))
    return out / "experts" / f"{hashlib.sha256(what.encode()).hexdigest()[:16]}.json"
