"""The comparison of recipes for graphs: sets, and random and herded graphs of their bytes, under equal training.

Sets are made, and rows are scored, on all cores.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ddkit.errors import UsageError
from ddkit.evaluation import EACH_SET, GraphJudge, GraphRows, GraphScores, Score, graph_rows, score_graph_rows
from ddkit.evaluation.graph_honest import notes
from ddkit.graphs import load_parts
from ddkit.jobs.comparison.graph_sets import Common, made_sets
from ddkit.jobs.comparison.lines import Comparison, LineOfGraphs
from ddkit.jobs.data.graph_memory import graph_row_needs, memory_lines
from ddkit.jobs.data.graph_parts import graph_lines
from ddkit.jobs.machine.device import graph_device
from ddkit.jobs.recipes import GraphRecipe
from ddkit.jobs.recipes.request import Comparing, Request, name_in_table, refuse_options
from ddkit.jobs.recipes.resolve_graphs import resolve_graphs
from ddkit.jobs.tables.kept_rows import KeptRows
from ddkit.run import Meter


def compare_graphs(comparing: Comparing, meter: Meter) -> Comparison:
    """The comparison of recipes for graphs; see `ddkit.compare`.

    Recipes with equal data, hops and evaluation stand in one part of the table. Each is made under every seed, and each
    seed has networks and draws of its own. What is finished is kept in `comparing.out`.
    """
    refuse_options("graphs", flips=bool(comparing.flips), labels=bool(comparing.labels), scores=bool(comparing.scores))
    graph_device(comparing.device)
    flags = () if comparing.nets is None else (f"evaluate.nets={comparing.nets}",)
    recipes: dict[str, GraphRecipe] = {}
    for source in comparing.recipes:
        request = Request(recipe=source, overrides=(*comparing.overrides, *flags))
        recipes[name_in_table(source)], _ = resolve_graphs(request)
    groups: dict[object, dict[str, GraphRecipe]] = {}
    for name, recipe in recipes.items():
        groups.setdefault((recipe.data, recipe.method.hops), {})[name] = recipe
    _refuse_unlike_training(recipes)
    lines: list[LineOfGraphs] = []
    remarks: dict[str, None] = {}
    damaged: dict[Path, str] = {}
    uneven = False
    for members in groups.values():
        part = _Part.of(members, comparing, meter)
        lines += part.lines()
        remarks |= dict.fromkeys(part.notes())
        damaged |= part.damaged
        uneven |= part.judge.uneven
    over = f"over the means of {comparing.sets} seeds" if comparing.sets > 1 else "over the networks of one seed"
    choosing = ["for choosing settings, no score to publish; the test part was not looked at"]
    all_notes = [f"mean and 95 % interval {over}", *choosing * (comparing.on != "test"), *remarks]
    training = next(iter(recipes.values())).evaluate
    all_notes += [*notes(training, comparing.on, uneven), *damaged.values()]
    return Comparison(comparing.on, tuple(lines), tuple(all_notes), tuple(map(str, damaged)), uneven)


def _refuse_unlike_training(recipes: dict[str, GraphRecipe]) -> None:
    """Raise UsageError if two recipes train their networks differently: one table has one training."""
    (first, own), *others = recipes.items()
    for name, recipe in others:
        if (recipe.evaluate, recipe.seed) != (own.evaluate, own.seed):
            raise UsageError(
                f"compare: recipes '{first}' and '{name}' differ in [evaluate] or seed, and rows of one table must be "
                "trained alike; make these equal, for example with --set evaluate.KEY=VALUE"
            )


@dataclass(frozen=True)
class _Part:
    """One part of the table: recipes with equal data, hops and evaluation.

    Attributes:
        tables: the rows, one table for each seed.
        scores: of each table's rows.
        seconds: of making the sets, by the recipes' names.
        about: notes on the graphs.
        damaged: the files of sets that cannot be read, each with a line that says that the set is left out.
    """

    tables: list[GraphRows]
    scores: list[GraphScores]
    seconds: dict[str, tuple[float, ...]]
    about: tuple[str, ...]
    damaged: dict[Path, str]

    @staticmethod
    def of(members: dict[str, GraphRecipe], comparing: Comparing, meter: Meter) -> "_Part":
        """Load the graphs, make the sets that are missing, and score the rows that have no scores yet."""
        first = next(iter(members.values()))
        data, hops, training = first.data, first.method.hops, first.evaluate
        parts = load_parts(data.name, data.split_seed)
        about = graph_lines(parts, data.name, data.split_seed)
        for line in (*about, *memory_lines(parts.every, parts.train, (hops,), training)):
            meter.say(line)
        judged = parts.test if comparing.on == "test" else parts.validation
        seeds = range(first.seed, first.seed + comparing.sets)
        judges = {seed: GraphJudge(parts.train, judged, hops, training, seed) for seed in seeds}
        made = made_sets(members, Common(parts.every.digest, judges), comparing.out, meter)
        tables = [graph_rows(judge, made.sets[seed], EACH_SET) for seed, judge in judges.items()]
        keep = KeptRows.at(comparing.out / "scores", graph_device("cpu"))
        scores = score_graph_rows(tables, meter, keep, graph_row_needs(judges[first.seed]))
        return _Part(tables, scores, made.seconds, about, made.damaged)

    @property
    def judge(self) -> GraphJudge:
        """The judge of the first seed."""
        return self.tables[0].judge

    def lines(self) -> Iterator[LineOfGraphs]:
        """A line for each row and network.

        A row lacks a seed if its bytes are too few for one graph, or if the set that it needs cannot be read.
        """
        for score in self.judge.scores_without_network():
            yield self._line(score.name, "", (score,))
        for name in dict.fromkeys((*self.seconds, *(name for table in self.tables for name in table.rows))):
            for gnn in self.judge.gnns:
                if scores := tuple(own[name, gnn] for own in self.scores if (name, gnn) in own):
                    yield self._line(name, gnn, scores)

    def notes(self) -> tuple[str, ...]:
        """Notes on the graphs, and on rows that are missing, or have fewer graphs than their names say."""
        return (*self.about, *(gap for table in self.tables for gap in table.gaps))

    def _line(self, name: str, gnn: str, scores: tuple[Score, ...]) -> LineOfGraphs:
        return LineOfGraphs(self.judge.train.name, self.judge.hops, gnn, name, scores, self.seconds.get(name, ()))
