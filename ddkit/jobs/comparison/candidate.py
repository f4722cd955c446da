"""One recipe of a comparison: its runs under several seeds, each in its own folder, and their seconds."""

import dataclasses
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch

from ddkit.data import DataSettings, RealData
from ddkit.errors import DataError, UsageError
from ddkit.evaluation import EvaluateSettings
from ddkit.executors import Elsewhere, FolderParcel, Parcel, Report
from ddkit.experts import Ensemble
from ddkit.jobs.machine.stopwatch import Spent, Stopwatch
from ddkit.jobs.recipes import Recipe, changed_settings
from ddkit.jobs.recipes.resolve import parse_images
from ddkit.jobs.runs.images import ImageWork
from ddkit.jobs.runs.make import make
from ddkit.jobs.runs.resume import resumed
from ddkit.jobs.runs.run import Run
from ddkit.nets import NetSettings
from ddkit.run import Meter, RunFolder, read_json, write_json
from ddkit.synth import read_set
from ddkit.task import Task


class DamagedSet(DataError):
    """The set of a run cannot be read."""


@dataclass(frozen=True)
class Condensing:
    """The layout of the file with the seconds in which a set was made."""

    condensing: float


class TaskKey(NamedTuple):
    """The settings of a task. Recipes with equal keys share one task: the same data, network and augmentation."""

    data: DataSettings
    net: NetSettings


class Group(NamedTuple):
    """The settings that recipes of one part of the table have in common. The rows of a part are comparable."""

    task: TaskKey
    evaluate: EvaluateSettings
    ipc: int


@dataclass(frozen=True)
class Candidate:
    """One recipe that is compared: its name in the table, and the resolved recipe under each seed."""

    name: str
    recipes: tuple[Recipe, ...]

    @property
    def method(self) -> str:
        """The method's name, with "+fyi" if it uses FYI."""
        return self.recipes[0].method.title

    @property
    def task_key(self) -> TaskKey:
        """The settings of the recipe's task."""
        first = self.recipes[0]
        return TaskKey(_without_flip_rule(first).data, first.net)

    @property
    def group(self) -> Group:
        """The part of the table that has the recipe's sets."""
        first = self.recipes[0]
        evaluate = dataclasses.replace(first.evaluate, flips="auto")  # the group has one policy of flips
        return Group(self.task_key, evaluate, first.method.ipc)

    def folder(self, out: Path, recipe: Recipe) -> RunFolder:
        """The folder of a run. Its name has a digest of the recipe, so that other settings have another folder.

        The digest leaves out settings with their default value. So names stay the same if a later version adds a
        setting.
        """
        digest = hashlib.sha256(repr(changed_settings(_shaping(recipe))).encode()).hexdigest()[:8]
        return RunFolder(out / f"{self.name}-{digest}-seed{recipe.seed}")

    def finished(self, out: Path, recipe: Recipe) -> bool:
        """Whether the set of this recipe is made."""
        folder = self.folder(out, recipe)
        return folder.set.exists() and _seconds_file(folder).exists()

    def seconds(self, out: Path) -> tuple[float, ...]:
        """The seconds in which each set was made.

        Raises:
            DataError: the file with the seconds is damaged.
        """
        files = [_seconds_file(self.folder(out, recipe)) for recipe in self.recipes]
        return tuple(read_json(file, Condensing).condensing for file in files)

    def expert_seconds(self, out: Path) -> float | None:
        """The seconds in which the experts were trained; None if no comparison in this folder trained them."""
        file = _expert_file(self, out)
        return read_json(file, Spent).seconds if file.exists() else None


@dataclass(frozen=True)
class CondenseSet(FolderParcel):
    """A unit of work: make the set of one recipe of a candidate in its run folder, or resume it.

    Attributes:
        candidate, recipe: what to make.
        out: the folder of the comparison.
        device: on which it is made.
    """

    candidate: Candidate
    recipe: Recipe
    out: Path
    device: torch.device

    @property
    def folder(self) -> Path:
        return self.out

    def moved(self, folder: Path) -> "CondenseSet":
        return dataclasses.replace(self, out=folder)

    def parcel(self, common: Mapping[TaskKey, Task]) -> Parcel:
        """The unit and the experts that it reads."""
        return Parcel(Elsewhere(self), self.recipe.source(common[self.candidate.task_key]).files())

    def run(self, common: Mapping[TaskKey, Task], report: Report) -> None:
        """`common` holds the tasks of all candidates by `Candidate.task_key`."""
        folder = self.candidate.folder(self.out, self.recipe)
        with folder.locked():
            watch = Stopwatch(folder.path / "spent.json")
            run = Run(self.recipe, folder, self.device, folder.recipe.exists())
            make(ImageWork(run, common[self.candidate.task_key]), False, watch)
            write_json(_seconds_file(folder), {"condensing": watch.seconds})


def _shaping(recipe: Recipe) -> Recipe:
    """The recipe without settings that do not affect the set."""
    return dataclasses.replace(_without_flip_rule(recipe), evaluate=EvaluateSettings())


def _without_flip_rule(recipe: Recipe) -> Recipe:
    """The recipe without `flips_keep_label`, which does not affect the result."""
    return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, flips_keep_label=None))


def refuse_another(folder: RunFolder, recipe: Recipe, real: RealData) -> None:
    """Raise if the run in a folder has other settings or other data than the recipe.

    The folder's name is a digest of the settings, but a user may have resumed the run with changed ones.

    Raises:
        UsageError: the settings differ.
        DamagedSet: its set cannot be read.
        DataError: the data differ.
    """
    if not folder.recipe.exists():
        return
    own, changes = resumed(folder, (), parse_images)
    if changes or _shaping(own) != _shaping(recipe):
        raise UsageError(
            f"folder '{folder.path}': its run was resumed with other settings than the recipe's; move the folder, or "
            "put these settings into the recipe"
        )
    if not folder.set.exists():
        return
    try:
        found = read_set(folder.set).facts.data_digest
    except DataError as error:
        raise DamagedSet(str(error)) from None
    if found != real.data.digest:
        raise DataError(
            f"set '{folder.set}': was made with other data (digest {found[:8]}) than found here "
            f"({real.data.digest[:8]}); choose another --out"
        )


def _seconds_file(folder: RunFolder) -> Path:
    return folder.path / "seconds.json"


def collect_experts(candidate: Candidate, task: Task, out: Path, meter: Meter) -> None:
    """Train the missing experts of a recipe, and store the seconds if any expert was missing."""
    begin = time.perf_counter()
    with candidate.recipes[0].source(task).obtain(meter) as experts:
        trained = experts.trained
    if trained:
        write_json(_expert_file(candidate, out), {"seconds": time.perf_counter() - begin})


def teachers_for(candidate: Candidate, task: Task, meter: Meter) -> Ensemble | None:
    """The teachers of a recipe; None if its experts are no teachers."""
    if not candidate.recipes[0].has_teachers:
        return None
    with candidate.recipes[0].source(task).obtain(meter) as found:
        return found.teachers


def _expert_file(candidate: Candidate, out: Path) -> Path:
    first = candidate.recipes[0]
    what = repr((first.data, first.net, first.experts, first.method.reads_epochs))
    return out / "experts" / f"{hashlib.sha256(what.encode()).hexdigest()[:16]}.json"
