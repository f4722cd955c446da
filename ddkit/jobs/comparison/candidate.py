"""One recipe of a comparison: its runs under several seeds, each in its own folder, and their seconds."""

import dataclasses
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch

from ddkit.data import DataSettings
from ddkit.evaluation import EvaluateSettings
from ddkit.executors import Elsewhere, Files, FolderParcel, Parcel, Report, copies_of, files_of, pack
from ddkit.experts import Ensemble
from ddkit.jobs.comparison.set_folder import SetFolder
from ddkit.jobs.recipes import Recipe
from ddkit.jobs.runs.images import ImageWork
from ddkit.nets import NetSettings
from ddkit.recipe import Uneven
from ddkit.run import Meter, Spent, read_json, write_json
from ddkit.synth import formation_suffix
from ddkit.task import Task


class TaskKey(NamedTuple):
    """The settings of a task. Recipes with equal keys share one task: the same data, network and augmentation."""

    data: DataSettings
    net: NetSettings


class Group(NamedTuple):
    """The settings that recipes of one part of the table have in common. The rows of a part are comparable."""

    task: TaskKey
    evaluate: EvaluateSettings
    ipc: int | Uneven


@dataclass(frozen=True)
class Candidate:
    """One recipe that is compared: its name in the table, and the resolved recipe under each seed."""

    name: str
    recipes: tuple[Recipe, ...]

    @property
    def method(self) -> str:
        """The method's name, with "+fyi" if it uses FYI, and "+2x2" if its images are packed 2 x 2."""
        return self.recipes[0].method.title

    @property
    def name_of_line(self) -> str:
        """The recipe's name, which always ends with "-2x2" if its images are packed 2 x 2."""
        packed = formation_suffix(self.recipes[0].method.packing).replace("+", "-")
        return self.name if self.name.endswith(packed) else self.name + packed

    @property
    def task_key(self) -> TaskKey:
        """The settings of the recipe's task."""
        first = self.recipes[0]
        data = dataclasses.replace(first.data, flips_keep_label=None)  # it does not affect the task
        return TaskKey(data, first.net)

    @property
    def group(self) -> Group:
        """The part of the table that has the recipe's sets."""
        first = self.recipes[0]
        evaluate = dataclasses.replace(first.evaluate, flips="auto")  # the group has one policy of flips
        return Group(self.task_key, evaluate, first.method.ipc)

    def folder(self, out: Path, recipe: Recipe) -> SetFolder:
        """The run folder of one of the recipes."""
        return SetFolder.of(out, self.name, recipe)

    def seconds(self, out: Path) -> tuple[float, ...]:
        """The seconds in which each set was made; see `SetFolder.seconds`."""
        return tuple(self.folder(out, recipe).seconds() for recipe in self.recipes)

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

    def begun(self) -> Files:
        return pack(self.out, files_of(self.candidate.folder(self.out, self.recipe).path))

    def parcel(self, common: Mapping[TaskKey, Task]) -> Parcel:
        """The unit and the experts that it reads."""
        files = self.recipe.source(common[self.candidate.task_key]).files()
        return Parcel(Elsewhere(self, self.begun(), copies=copies_of(files)), files)

    def run(self, common: Mapping[TaskKey, Task], report: Report) -> None:
        """`common` holds the tasks of all candidates by `Candidate.task_key`."""
        task, folder = common[self.candidate.task_key], self.candidate.folder(self.out, self.recipe)
        folder.make(self.recipe, self.device, lambda run: ImageWork(run, task), report)


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
