"""The comparison of recipes for graphs: sets, and random and herded graphs of their bytes, under equal training."""

import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ddkit.errors import DataError, UsageError
from ddkit.evaluation import GraphJudge, GraphRow, Score
from ddkit.evaluation.graph_honest import capped, most_written_out, notes
from ddkit.evaluation.graph_judge import UNTRAINED, WHOLE
from ddkit.graphs import GraphParts, load_parts
from ddkit.jobs.comparison.lines import Comparison, LineOfGraphs
from ddkit.jobs.data.graph_memory import memory_lines
from ddkit.jobs.data.graph_parts import graph_lines
from ddkit.jobs.machine.device import graph_device
from ddkit.jobs.machine.stopwatch import Stopwatch
from ddkit.jobs.recipes import GraphRecipe, changed_settings
from ddkit.jobs.recipes.request import Comparing, Request, refuse_options
from ddkit.jobs.recipes.resolve_graphs import resolve_graphs
from ddkit.jobs.runs.graphs import GraphWork
from ddkit.jobs.runs.make import make
from ddkit.jobs.runs.run import Run
from ddkit.jobs.tables.graph_board import GraphBoard
from ddkit.run import Meter, RunFolder, read_json, write_json
from ddkit.synth import GraphSet, read_graph_set


def compare_graphs(comparing: Comparing, meter: Meter) -> Comparison:
    """The comparison of recipes for graphs; see `ddkit.compare`.

    Recipes with equal data, hops and evaluation stand in one part of the table. Each is made under every seed, and each
    seed has networks and draws of its own. What is finished is kept in `comparing.out`.
    """
    refuse_options("graphs", flips=bool(comparing.flips), labels=bool(comparing.labels))
    graph_device(comparing.device)
    flags = () if comparing.nets is None else (f"evaluate.nets={comparing.nets}",)
    recipes: dict[str, GraphRecipe] = {}
    for source in comparing.recipes:
        name = Path(source).name.removesuffix(".toml")
        if name in recipes:
            raise UsageError("compare: two recipes have one name; name each once")
        recipes[name], _ = resolve_graphs(Request(recipe=source, overrides=(*comparing.overrides, *flags)))
    groups: dict[object, dict[str, GraphRecipe]] = {}
    for name, recipe in recipes.items():
        groups.setdefault((recipe.data, recipe.method.hops), {})[name] = recipe
    _refuse_unlike_training(recipes)
    lines: list[LineOfGraphs] = []
    remarks: dict[str, None] = {}
    uneven = False
    for members in groups.values():
        part = _Part.of(members, comparing, meter)
        lines += part.lines()
        remarks |= dict.fromkeys((*part.about, *part.gaps()))
        uneven |= part.judges[0].uneven
    over = f"over the means of {comparing.sets} seeds" if comparing.sets > 1 else "over the networks of one seed"
    choosing = ["for choosing settings, no score to publish; the test part was not looked at"]
    all_notes = [f"mean and 95 % interval {over}", *choosing * (comparing.on != "test"), *remarks]
    training = next(iter(recipes.values())).evaluate
    all_notes += notes(training, comparing.on, uneven)
    return Comparison(comparing.on, tuple(lines), tuple(all_notes), uneven=uneven)


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

    For each seed there are a judge, the sets by the names of their recipes, and the scores that are kept.
    """

    judges: list[GraphJudge]
    sets: list[dict[str, GraphSet]]
    seconds: dict[str, tuple[float, ...]]
    about: tuple[str, ...]
    boards: list[GraphBoard]

    @staticmethod
    def of(members: dict[str, GraphRecipe], comparing: Comparing, meter: Meter) -> "_Part":
        """Load the graphs, and make the sets that are missing."""
        first = next(iter(members.values()))
        data, hops, training = first.data, first.method.hops, first.evaluate
        parts = load_parts(data.name, data.split_seed)
        about = graph_lines(parts, data.name, data.split_seed)
        for line in (*about, *memory_lines(parts.every, parts.train, (hops,), training)):
            meter.say(line)
        judged = parts.test if comparing.on == "test" else parts.validation
        seeds = range(first.seed, first.seed + comparing.sets)
        judges = [GraphJudge(parts.train, judged, hops, training, seed) for seed in seeds]
        sets: list[dict[str, GraphSet]] = []
        seconds: dict[str, tuple[float, ...]] = {}
        for judge in judges:
            sets.append({})
            for name, recipe in members.items():
                own = dataclasses.replace(recipe, seed=judge.seed)
                folder = _folder(name, own, comparing.out)
                sets[-1][name], spent = _made(own, folder, judge, parts, meter)
                seconds[name] = (*seconds.get(name, ()), spent)
        boards = [GraphBoard(judge, comparing.on, comparing.out / "scores", meter) for judge in judges]
        return _Part(judges, sets, seconds, about, boards)

    def lines(self) -> Iterator[LineOfGraphs]:
        """A line for each row and network."""
        judge = self.judges[0]
        for score in judge.scores_without_network():
            yield self._line(score.name, "", (score,))
        for name in self.rows[0]:
            of_seeds = [own[name] for own in self.rows]
            for gnn in judge.gnns:
                scores = [
                    board.score(row, gnn) for board, row in zip(self.boards, of_seeds, strict=True) if row is not None
                ]
                if scores:
                    yield self._line(name, gnn, tuple(dataclasses.replace(score, name=name) for score in scores))

    def gaps(self) -> list[str]:
        """A note for each row that is missing or smaller than its name says."""
        judge = self.judges[0]
        names = dict.fromkeys(name for own in self.rows for name, row in own.items() if row is None)
        missing = [f"no row '{name}': not one graph fits into its bytes" for name in names]
        return missing + [
            line
            for name, made in self.sets[0].items()
            for line in capped(judge, made, f"random, as {name} written out")
        ]

    def _line(self, name: str, gnn: str, scores: tuple[Score, ...]) -> LineOfGraphs:
        judge = self.judges[0]
        return LineOfGraphs(judge.train.name, judge.hops, gnn, name, scores, self.seconds.get(name, ()))

    @cached_property
    def rows(self) -> list[dict[str, GraphRow | None]]:
        """For each seed the rows by name; None for a row into whose bytes no graph fits."""
        return [_rows(judge, sets) for judge, sets in zip(self.judges, self.sets, strict=True)]


def _rows(judge: GraphJudge, sets: dict[str, GraphSet]) -> dict[str, GraphRow | None]:
    """The rows of one seed. Rivals of equal bytes are there once."""
    random: dict[int, str] = {}
    herding: dict[int, str] = {}
    for name, made in sets.items():
        written_out = min(made.explicit_bytes, most_written_out(judge, made))
        random.setdefault(made.stored_bytes, f"random, as {name}")
        random.setdefault(written_out, f"random, as {name} written out")
        herding.setdefault(made.stored_bytes, f"herding, as {name}")
    rows: dict[str, GraphRow | None] = {name: judge.set_row(made) for name, made in sets.items()}
    rows |= {title: judge.random_row(title, size) for size, title in random.items()}
    rows |= {title: judge.herding_row(size) for size, title in herding.items()}
    rows[UNTRAINED] = judge.untrained_row()
    return rows | ({WHOLE: judge.whole_row()} if judge.training.whole else {})


def _folder(name: str, recipe: GraphRecipe, out: Path) -> RunFolder:
    """A run's folder. Its name carries a digest of the settings that shape the set."""
    shaping = {key: value for key, value in changed_settings(recipe).items() if not key.startswith("evaluate.")}
    digest = hashlib.sha256(repr(shaping).encode()).hexdigest()[:8]
    return RunFolder(out / f"{name}-{digest}-seed{recipe.seed}")


def _made(
    recipe: GraphRecipe, folder: RunFolder, judge: GraphJudge, parts: GraphParts, meter: Meter
) -> tuple[GraphSet, float]:
    """The set of a run and the seconds that it took. A set that is missing or damaged is made."""
    note = folder.path / "seconds.json"
    with folder.locked():
        made = _stored(folder, meter)
        if made is None or not note.exists():
            run = Run(recipe, folder, graph_device("cpu"), folder.recipe.exists())
            done = make(GraphWork(run, judge, parts.every.digest, ()), False, Stopwatch(folder.path / "spent.json"))
            write_json(note, {"condensing": done.seconds})
            assert isinstance(done.set, GraphSet)
            made = done.set
    if made.facts.data_digest != judge.train.digest:
        raise UsageError(f"folder '{folder.path}': its set was made of other graphs; choose another --out")
    return made, read_json(note, dict[str, float])["condensing"]


def _stored(folder: RunFolder, meter: Meter) -> GraphSet | None:
    """The set in a run folder; None if it is missing or damaged. A damaged file is removed, and a line says so."""
    if not folder.set.exists():
        return None
    try:
        return read_graph_set(folder.set)
    except DataError as error:
        meter.say(f"made again: {error}")
        folder.set.unlink()
        return None
