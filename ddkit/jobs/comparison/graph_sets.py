"""The sets of one part of a comparison of graphs: each recipe under each seed, in a run folder of its own."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ddkit.evaluation import GraphJudge
from ddkit.executors import FolderParcel, Report
from ddkit.jobs.comparison.set_folder import SetFolder, damaged_sets
from ddkit.jobs.data.graph_memory import set_needs
from ddkit.jobs.machine.device import graph_device
from ddkit.jobs.machine.run_units import run_units
from ddkit.jobs.recipes import GraphRecipe
from ddkit.jobs.recipes.resolve_graphs import parse_graphs
from ddkit.jobs.runs.graphs import GraphWork
from ddkit.run import Meter
from ddkit.synth import GraphSet, read_graph_set


@dataclass(frozen=True)
class Common:
    """What all units share: the digest of all graphs, and a judge for each seed, which holds the training graphs."""

    digest: str
    judges: Mapping[int, GraphJudge]


@dataclass(frozen=True)
class MakeGraphSet(FolderParcel):
    """A unit of work: make the set of one recipe under one seed in its run folder.

    Attributes:
        name: of the recipe.
        recipe: with the seed.
        out: the folder of the comparison.
    """

    name: str
    recipe: GraphRecipe
    out: Path

    @property
    def folder(self) -> Path:
        return self.out

    def moved(self, folder: Path) -> "MakeGraphSet":
        return dataclasses.replace(self, out=folder)

    @property
    def run_folder(self) -> SetFolder:
        return SetFolder.of(self.out, self.name, self.recipe)

    def run(self, common: Common, report: Report) -> None:
        judge, digest = common.judges[self.recipe.seed], common.digest
        self.run_folder.make(self.recipe, graph_device("cpu"), lambda run: GraphWork(run, judge, digest, ()), report)


@dataclass(frozen=True)
class MadeSets:
    """The sets of one part.

    Attributes:
        sets: by seed and name of the recipe. Sets that cannot be read are missing.
        seconds: of making them, one a seed, by name of the recipe.
        damaged: the files of sets that cannot be read, each with a line that says so.
    """

    sets: dict[int, dict[str, GraphSet]]
    seconds: dict[str, tuple[float, ...]]
    damaged: dict[Path, str]


def made_sets(members: Mapping[str, GraphRecipe], common: Common, out: Path, meter: Meter) -> MadeSets:
    """Read the sets of recipes under the judges' seeds, and make the missing ones on all cores.

    Raises:
        UsageError: a run has other settings than its recipe.
        DataError: a stored set was made of other graphs.
    """
    units = [
        MakeGraphSet(name, dataclasses.replace(recipe, seed=seed), out)
        for seed in common.judges
        for name, recipe in members.items()
    ]
    train = next(iter(common.judges.values())).train
    expected = [(unit.run_folder, unit.recipe, train.digest) for unit in units]
    damaged = damaged_sets(expected, parse_graphs, read_graph_set, meter)
    missing = [unit for unit in units if not unit.run_folder.finished]
    run_units(missing, common, set_needs(train), "condensing sets", meter)
    sets: dict[int, dict[str, GraphSet]] = {seed: {} for seed in common.judges}
    seconds: dict[str, tuple[float, ...]] = {}
    for unit in units:
        folder = unit.run_folder
        if folder.set not in damaged:
            sets[unit.recipe.seed][unit.name] = read_graph_set(folder.set)
        seconds[unit.name] = (*seconds.get(unit.name, ()), folder.seconds())
    return MadeSets(sets, seconds, damaged)
