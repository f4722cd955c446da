"""One run of a method for graphs."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ddkit.errors import counted
from ddkit.evaluation import GraphJudge
from ddkit.experts import Experts
from ddkit.graphs import load_parts
from ddkit.jobs.data.graph_memory import memory_lines
from ddkit.jobs.data.graph_parts import graph_lines
from ddkit.jobs.recipes import GraphRecipe
from ddkit.jobs.reports import run_page
from ddkit.jobs.runs.run import Run
from ddkit.jobs.tables.graph_scoring import GraphScoring
from ddkit.methods import GraphContext, Method, graph_method
from ddkit.report import Page, tree_gallery
from ddkit.run import Meter
from ddkit.synth import GraphSet, read_graph_set, write_graph_set


@dataclass(frozen=True)
class GraphWork:
    """A run on loaded graphs.

    Attributes:
        run: the recipe and the folder.
        judge: trains and judges networks; it holds the training and the test graphs.
        digest: of all graphs.
        about: notes on the graphs, for the table.
    """

    run: Run[GraphRecipe]
    judge: GraphJudge
    digest: str
    about: tuple[str, ...]

    @property
    def recipe(self) -> GraphRecipe:
        return self.run.recipe

    def refuse_other_data(self) -> None:
        if self.run.folder.set.exists():
            began_with = read_graph_set(self.run.folder.set).facts.data_digest
            self.run.refuse_other("graphs", began_with, self.judge.train.digest)

    @contextmanager
    def experts(self, meter: Meter) -> Iterator[tuple[Experts, str]]:
        """Methods for graphs read no experts."""
        yield Experts(), ""

    def method(self, experts: Experts) -> Method[GraphSet]:
        settings = self.recipe.method
        return graph_method(settings.name)(settings, GraphContext(self.judge.train, self.recipe.seed))

    def state_digest(self, experts: str) -> str:
        return self.judge.train.digest

    def lineage(self, experts: str) -> dict[str, object]:
        return {"data": self.digest, "train": self.judge.train.digest}

    def iteration_meter(self, meter: Meter) -> Meter:
        return meter

    def write(self, made: GraphSet, file: Path) -> None:
        write_graph_set(made, file)

    def draw(self, made: GraphSet, meter: Meter) -> None:
        """Write the picture of the trees, and say how large the set is."""
        meter.say(
            f"{made.facts.method} on {made.facts.dataset}: {counted(len(made), 'sample')} of "
            f"{counted(made.trees.roots, 'distinct tree')}, "
            f"{made.stored_bytes} bytes ({made.explicit_bytes} written out)"
        )
        tree_gallery(made, self.run.folder.gallery)

    def report(self) -> Page:
        return run_page(self.run.folder)

    def scoring(self, made: GraphSet, experts: Experts) -> GraphScoring:
        return GraphScoring(made, self.judge, self.about)


def begin_graphs(run: Run[GraphRecipe], origin: str, evaluate: bool, meter: Meter) -> GraphWork:
    """Load the graphs of a run, and report their parts and the memory that they need."""
    recipe = run.recipe
    data, training = recipe.data, recipe.evaluate
    parts = load_parts(data.name, data.split_seed)
    judge = GraphJudge(parts.train, parts.test, recipe.method.hops, training, recipe.seed)
    about = graph_lines(parts, data.name, data.split_seed)
    trained = dataclasses.replace(training, whole=training.whole and evaluate)
    for line in (*about, origin, *memory_lines(parts.every, parts.train, (recipe.method.hops,), trained)):
        meter.say(line)
    return GraphWork(run, judge, parts.every.digest, about)
