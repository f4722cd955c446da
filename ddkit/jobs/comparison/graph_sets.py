"""The sets of one part of a comparison of graphs: each recipe under each seed, in a run folder of its own."""

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ddkit.errors import DataError, UsageError
from ddkit.evaluation import GraphJudge
from ddkit.executors import FolderParcel, Report
from ddkit.graphs import GraphData
from ddkit.jobs.data.graph_memory import set_needs
from ddkit.jobs.machine.device import graph_device
from ddkit.jobs.machine.run_units import run_units
from ddkit.jobs.machine.stopwatch import Stopwatch
from ddkit.jobs.recipes import GraphRecipe, changed_settings
from ddkit.jobs.runs.graphs import GraphWork
from ddkit.jobs.runs.make import make
from ddkit.jobs.runs.run import Run
from ddkit.run import Meter, RunFolder, read_json, write_json
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
    def run_folder(self) -> RunFolder:
        """The run folder. Its name carries a digest of the settings that shape the set."""
        settings = changed_settings(self.recipe).items()
        shaping = {key: value for key, value in settings if not key.startswith("evaluate.")}
        digest = hashlib.sha256(repr(shaping).encode()).hexdigest()[:8]
        return RunFolder(self.out / f"{self.name}-{digest}-seed{self.recipe.seed}")

    @property
    def _note(self) -> Path:
        return self.run_folder.path / "seconds.json"

    def run(self, common: Common, report: Report) -> None:
        """Make the set, and keep the seconds that it took."""
        folder = self.run_folder
        with folder.locked():
            run = Run(self.recipe, folder, graph_device("cpu"), folder.recipe.exists())
            work = GraphWork(run, common.judges[self.recipe.seed], common.digest, ())
            done = make(work, False, Stopwatch(folder.path / "spent.json"))
            write_json(self._note, {"condensing": done.seconds})

    def seconds(self) -> float:
        """The seconds of making the set."""
        return float(read_json(self._note, dict[str, float])["condensing"])

    def stored(self, train: GraphData, meter: Meter) -> GraphSet | None:
        """The finished set; None if it is missing or damaged. A damaged file is removed, and a line says so.

        Raises:
            UsageError: it was made of other training graphs.
        """
        if not (self.run_folder.set.exists() and self._note.exists()):
            return None
        try:
            made = read_graph_set(self.run_folder.set)
        except DataError as error:
            meter.say(f"made again: {error}")
            self.run_folder.set.unlink()
            return None
        if made.facts.data_digest != train.digest:
            raise UsageError(f"folder '{self.run_folder.path}': its set was made of other graphs; choose another --out")
        return made


@dataclass(frozen=True)
class MadeSets:
    """The sets of one part, by seed and name of the recipe, and the seconds of making them, one a seed."""

    sets: dict[int, dict[str, GraphSet]]
    seconds: dict[str, tuple[float, ...]]


def made_sets(members: Mapping[str, GraphRecipe], common: Common, out: Path, meter: Meter) -> MadeSets:
    """Read the sets of recipes under the judges' seeds, and make the missing ones on all cores.

    Raises:
        UsageError: a stored set was made of other graphs.
    """
    units = [
        MakeGraphSet(name, dataclasses.replace(recipe, seed=seed), out)
        for seed in common.judges
        for name, recipe in members.items()
    ]
    train = next(iter(common.judges.values())).train
    stored = [unit.stored(train, meter) for unit in units]
    missing = [unit for unit, made in zip(units, stored, strict=True) if made is None]
    run_units(missing, common, set_needs(train), "condensing sets", meter)
    sets: dict[int, dict[str, GraphSet]] = {seed: {} for seed in common.judges}
    seconds: dict[str, tuple[float, ...]] = {}
    for unit, made in zip(units, stored, strict=True):
        sets[unit.recipe.seed][unit.name] = read_graph_set(unit.run_folder.set) if made is None else made
        seconds[unit.name] = (*seconds.get(unit.name, ()), unit.seconds())
    return MadeSets(sets, seconds)
