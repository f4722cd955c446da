"""One table of sets for several graph datasets, depths and sizes, and of their rivals, under equal training.

Each score is kept in a file whose name is a digest of all that it depends on. So an interrupted table, or a larger one,
does not score a row twice. Sets are made, and rows are scored, on all cores.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ddkit.arguments import checked
from ddkit.errors import UsageError, counted, nearest
from ddkit.evaluation import (
    ONE_BUDGET,
    PARTS,
    GraphJudge,
    GraphRows,
    GraphTraining,
    Score,
    graph_rows,
    score_graph_rows,
)
from ddkit.evaluation.graph_honest import notes
from ddkit.executors import Report
from ddkit.graphs import load_parts, refuse_unknown
from ddkit.jobs.data.graph_memory import graph_row_needs, memory_lines, set_needs
from ddkit.jobs.data.graph_parts import graph_lines
from ddkit.jobs.machine.run_units import run_units
from ddkit.jobs.tables.kept_rows import KeptRows
from ddkit.methods import GraphContext, graph_method, method_names
from ddkit.recipe import only, override, parse_table
from ddkit.run import Meter, SilentMeter, refuse_no_folder
from ddkit.synth import GraphSet


@dataclass(frozen=True)
class GraphLine:
    """One row of the table under one network."""

    data: str
    hops: int
    ratio: float | None
    score: Score


@dataclass(frozen=True)
class GraphTable:
    """The table.

    Attributes:
        on: the part that networks are judged on.
        lines: the rows.
        missing: rows and sets that were left out, with the reason.
        notes: how the figures were obtained.
        uneven: whether classes of some data differ so much in size that the table has balanced accuracy.
    """

    on: str
    lines: tuple[GraphLine, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    uneven: bool = False

    def tables(self) -> dict[str, Any]:
        """Plain tables for JSON."""
        lines = [vars(line) | {"score": line.score.kept()} for line in self.lines]
        return vars(self) | {"lines": lines}


@checked
def graph_table(
    data: Sequence[str],
    *,
    hops: Sequence[int] = (2,),
    ratios: Sequence[float] = (0.01, 0.05),
    methods: Sequence[str] = (),
    overrides: tuple[str, ...] = (),
    seed: int = 0,
    split_seed: int = 0,
    on: str = "test",
    out: str | Path = "runs/graphs",
    meter: Meter | None = None,
) -> GraphTable:
    """Distil the graphs into sets, and score the sets and their rivals, as the command `ddkit graphs` does.

    Args:
        data: names of graphs.
        hops: depths of trees, and numbers of convolutions.
        ratios: sizes of the sets, as shares of the training graphs' bytes.
        methods: methods for graphs; default all, those of third parties included.
        overrides: "evaluate.key=value" texts.
        seed: of networks and draws.
        split_seed: of the split, if the data have none.
        on: the part that networks are judged on: "test", or "validation" to choose settings without the test part.
        out: folder of the scores.
        meter: progress; default silent.

    Example:
        >>> table = graph_table(["mutag"], ratios=[0.05])
        >>> [(line.score.name, line.score.net, round(line.score.mean, 3)) for line in table.lines]

    Raises:
        UsageError: an unknown method, part or network, or no data.
        DataError: missing or damaged graphs.
    """
    if not data:
        raise UsageError("graphs: needs at least one set of graphs, such as mutag")
    if not hops or min(hops) < 1 or not all(0 < ratio <= 1 for ratio in ratios):
        raise UsageError("graphs: needs a depth of at least 1, and ratios above 0 and at most 1")
    if on not in PARTS:
        raise UsageError(f"graphs: on '{on}' is no part to be judged on; {nearest(on, PARTS)}")
    only(overrides, ("evaluate.",), "for a table of graphs")
    refuse_no_folder(Path(out))
    methods = tuple(methods) or method_names("graphs")
    for method in methods:
        graph_method(method)
    training = parse_table(override({}, overrides).get("evaluate", {}), GraphTraining, "graphs", "evaluate")
    meter, keep = meter or SilentMeter(), KeptRows.at(Path(out), torch.device("cpu"))
    lines: list[GraphLine] = []
    missing: list[str] = []
    about: list[str] = []
    uneven = False
    for name in data:  # before anything is trained
        refuse_unknown(name)
    for name in dict.fromkeys(data):
        parts = load_parts(name, split_seed)
        own = graph_lines(parts, name, split_seed)
        about += own
        train, judged = parts.train, getattr(parts, on)
        for line in (*own, *memory_lines(parts.every, train, hops, training)):
            meter.say(line)
        del parts
        for depth in dict.fromkeys(hops):
            judge = GraphJudge(train, judged, depth, training, seed)
            uneven |= judge.uneven
            meter.say(f"{name}, {counted(depth, 'hop')}")
            tables = _tables(judge, methods, dict.fromkeys(ratios), meter)
            scores = score_graph_rows(list(tables.values()), meter, keep, graph_row_needs(judge))
            for (ratio, table), found in zip(tables.items(), scores, strict=True):
                without = judge.scores_without_network() if ratio is None else []
                lines += [GraphLine(name, depth, ratio, score) for score in (*without, *found.values())]
                where = f"{name}, {counted(depth, 'hop')}" + ("" if ratio is None else f", ratio {ratio:g}")
                missing += [f"{where}: {gap}" for gap in table.gaps]
        del train, judged, judge, tables, table  # the next graphs may need the memory
    all_notes = (*about, *notes(training, on, uneven))
    return GraphTable(on, tuple(lines), tuple(dict.fromkeys(missing)), all_notes, uneven)


@dataclass(frozen=True)
class Distil:
    """A unit of work: distil the training graphs into a set."""

    method: str
    ratio: float

    def run(self, common: GraphJudge, report: Report) -> GraphSet | str:
        """The set, or the reason why there is none."""
        method = graph_method(self.method)
        settings = method.settings_class(hops=common.hops, ratio=self.ratio)
        try:
            return method(settings, GraphContext(common.train, common.seed)).distil()
        except UsageError as error:
            return str(error)


def _tables(
    judge: GraphJudge, methods: Sequence[str], ratios: Iterable[float], meter: Meter
) -> dict[float | None, GraphRows]:
    """The rows of each ratio; None -> the rows that do not depend on the ratio.

    The rivals have as many bytes as the ratio allows. A note names each set that could not be made.
    """
    tables: dict[float | None, GraphRows] = {None: graph_rows(judge, {})}
    units = [Distil(method, ratio) for ratio in ratios for method in dict.fromkeys(methods)]
    made = _distilled(units, judge, meter)
    for ratio in ratios:
        own = {unit.method: result for unit, result in made.items() if unit.ratio == ratio}
        sets = {name: result for name, result in own.items() if isinstance(result, GraphSet)}
        reasons = tuple(result for result in own.values() if isinstance(result, str))
        budget = int(ratio * judge.bytes_each.sum())
        table = graph_rows(judge, sets, ONE_BUDGET, budget=budget, common=False)
        tables[ratio] = replace(table, gaps=(*reasons, *table.gaps))
    return tables


def _distilled(units: Sequence[Distil], judge: GraphJudge, meter: Meter) -> dict[Distil, GraphSet | str]:
    """The set of each unit, or the reason why there is none, in the order of the units."""
    results: dict[Distil, GraphSet | str] = {}
    run_units(units, judge, set_needs(judge.train), "distilling", meter, results.__setitem__)
    return {unit: results[unit] for unit in units}
